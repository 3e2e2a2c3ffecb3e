"""`features(x)`: the activations of every encoder layer, for any kind of encoder."""

import keras
import numpy as np
import pytest
from keras import layers

import tfae


def nested_convolutions():
    """Builds a model of a stem and of a block with two outputs that is called twice."""
    stem = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3, padding="same", name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(name="relu"),
            layers.Dropout(0.5, name="drop"),
        ],
        name="stem",
    )
    x = keras.Input((8, 8, 4))
    h = layers.Conv2D(4, 3, padding="same", activation="relu", name="conv")(x)
    block = keras.Model(x, [h, layers.GlobalAveragePooling2D(name="mean")(h)], name="block")
    x = keras.Input((8, 8, 1))
    h, first = block(stem(x))
    _, second = block(h + 1.0)
    return keras.Model(x, layers.Concatenate(name="joined")([first, second]), name="trunk")


@pytest.fixture(scope="module")
def variational(digits):
    keras.utils.set_random_seed(0)
    x = keras.Input((8, 8, 1))
    h = nested_convolutions()(x)
    heads = [layers.Dense(3, name=name)(h) for name in ("mean", "log_variance")]
    _, decoder = tfae.networks.mlp((8, 8, 1), 3, hidden_units=(16,))
    model = tfae.VariationalAutoencoder(keras.Model(x, heads), decoder, seed=0)
    model.compile(jit_compile=False)
    model.fit(digits[:203], verbose=0)
    return model


def test_layers_of_nested_models_are_named_by_their_path(variational, few_digits):
    features = variational.features(few_digits)
    assert {name: value.shape[1:] for name, value in features.items()} == {
        "trunk/stem/conv": (8, 8, 4),
        "trunk/stem/norm": (8, 8, 4),
        "trunk/stem/relu": (8, 8, 4),
        "trunk/stem/drop": (8, 8, 4),
        "trunk/block/conv": (8, 8, 4),
        "trunk/block/mean": (4,),
        "trunk/block_1/conv": (8, 8, 4),
        "trunk/block_1/mean": (4,),
        "trunk/joined": (8,),
        "mean": (3,),
        "log_variance": (3,),
    }


def test_features_are_the_activations_of_inference(variational, few_digits):
    features = variational.features(few_digits)
    mean, log_variance = variational.encoder(few_digits, training=False)
    np.testing.assert_allclose(features["mean"], mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(features["log_variance"], log_variance, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(
        features["trunk/stem/relu"], np.maximum(features["trunk/stem/norm"], 0)
    )
    np.testing.assert_array_equal(features["trunk/stem/drop"], features["trunk/stem/relu"])
    block = variational.encoder.get_layer("trunk").get_layer("block")
    np.testing.assert_allclose(
        features["trunk/block_1/conv"],
        block.get_layer("conv")(features["trunk/block/conv"] + 1.0),
        rtol=1e-5,
        atol=1e-6,
    )


def test_a_loaded_model_has_the_same_features(variational, few_digits, tmp_path):
    variational.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras").features(few_digits)
    expected = variational.features(few_digits)
    assert list(loaded) == list(expected)
    for name in expected:
        np.testing.assert_array_equal(loaded[name], expected[name])


def test_a_convolutional_encoder_has_a_feature_per_layer(few_digits):
    model = tfae.Autoencoder.from_shape(
        (8, 8, 1), 3, architecture="conv", filters=(4, 6), hidden_units=5
    )
    features = model.features(few_digits, batch_size=50)
    assert {name: value.shape for name, value in features.items()} == {
        "conv_1": (203, 4, 4, 4),
        "conv_2": (203, 2, 2, 6),
        "flatten": (203, 24),
        "hidden": (203, 5),
        "code": (203, 3),
    }
    for name in ("conv_1", "conv_2", "hidden"):
        assert features[name].min() == 0, "it is taken before the activation"


def test_only_the_layers_asked_for_are_computed(variational, few_digits):
    every = variational.features(few_digits)
    for names in (["mean"], ["trunk/block/mean", "mean"]):
        some = variational.features(few_digits, layers=names)
        assert list(some) == names
        for name in names:
            np.testing.assert_allclose(some[name], every[name], rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="no layer 'block'; it has 'trunk/stem/conv'"):
        variational.features(few_digits, layers=["mean", "block"])
