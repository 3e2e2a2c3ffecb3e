"""What every model with an encoder and a decoder supports: corruption, scaling, linear outputs."""

import keras
import numpy as np
import pytest

import tfae
from tfae.batches.batch import Batch

rng = np.random.default_rng(0)
CODES = 3


def networks(size=6, codes=CODES):
    x, z = keras.Input((size,)), keras.Input((codes,))
    encoder = keras.Model(x, keras.layers.Dense(codes)(x))
    return encoder, keras.Model(z, keras.layers.Dense(size)(z))


def decoder_of(*layers):
    z = keras.Input((CODES,))
    h = z
    for layer in layers:
        h = layer(h)
    return keras.Model(z, h)


# ---------------------------------------------------------------------------- linear outputs

CLOSED = {
    "activation argument": lambda: decoder_of(keras.layers.Dense(6, "sigmoid")),
    "layer": lambda: decoder_of(keras.layers.Dense(6), keras.layers.Activation("sigmoid")),
    "softmax layer": lambda: decoder_of(keras.layers.Dense(6), keras.layers.Softmax()),
    "ReLU layer": lambda: decoder_of(keras.layers.Dense(6), keras.layers.ReLU()),
    "tanh": lambda: decoder_of(keras.layers.Dense(6, "tanh")),
    "ReLU": lambda: decoder_of(keras.layers.Dense(6, "relu")),
    "before a reshape": lambda: decoder_of(
        keras.layers.Dense(6, "sigmoid"), keras.layers.Reshape((6,))
    ),
    "nested": lambda: decoder_of(decoder_of(keras.layers.Dense(6, keras.activations.sigmoid))),
    "Sequential": lambda: keras.Sequential([keras.layers.Dense(6, "sigmoid")]),
}


@pytest.mark.parametrize("closed", CLOSED.values(), ids=CLOSED)
def test_a_decoder_that_ends_in_an_activation_is_refused_under_bernoulli(closed):
    encoder, _ = networks()
    with pytest.raises(ValueError, match=r"`decoder` ends in .* Bernoulli likelihood takes logits"):
        tfae.Autoencoder(encoder, closed())


def test_a_subclassed_decoder_that_never_outputs_negative_values_is_refused_under_bernoulli():
    class Closed(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(6)

        def call(self, z):
            return keras.ops.sigmoid(self.dense(z))

    encoder, _ = networks()
    with pytest.raises(ValueError, match="its outputs are never negative"):
        tfae.Autoencoder(encoder, Closed())


def test_plain_errors_accept_outputs_of_any_range():
    encoder, _ = networks()
    decoder = decoder_of(keras.layers.Dense(6, "sigmoid"))
    model = tfae.Autoencoder(encoder, decoder, likelihood="squared_error")
    assert model.reconstruct(np.ones((2, 6), "float32")).max() <= 1


def test_activations_before_the_last_layer_are_accepted():
    encoder, _ = networks()
    tfae.Autoencoder(encoder, decoder_of(keras.layers.Dense(4, "sigmoid"), keras.layers.Dense(6)))


# ---------------------------------------------------------------------------- codes


@pytest.mark.parametrize(
    "model_class",
    [tfae.WassersteinAutoencoder, tfae.VariationalAutoencoder],
    ids=lambda c: c.__name__,
)
def test_codes_that_are_feature_maps_are_refused_if_the_prior_is_over_flat_codes(model_class):
    with pytest.raises(ValueError, match=r"needs codes of shape \(batch, latent_dim\)"):
        model_class.from_shape((4, 8, 1), 1, "conv", hidden_units=None)


def test_an_encoder_with_two_inputs_is_refused():
    a, b = keras.Input((3,)), keras.Input((3,))
    encoder = keras.Model([a, b], keras.layers.Dense(CODES)(keras.layers.Concatenate()([a, b])))
    with pytest.raises(ValueError, match=r"`encoder` must have one input, the data; .* has 2"):
        tfae.Autoencoder(encoder, networks()[1])


# ---------------------------------------------------------------------------- corruption


class Shift(keras.layers.Layer):
    """Corrupts by adding 100, which is easy to detect."""

    def call(self, x, training=False):
        return x + 100.0 if training else x


@pytest.mark.parametrize("model_class", [tfae.Autoencoder, tfae.SparseAutoencoder])
def test_any_model_may_have_a_corruption_that_applies_only_in_training(model_class):
    model = model_class.from_shape(
        (6,), CODES, hidden_units=(), corruption=Shift(), likelihood="squared_error", seed=1
    )
    x = rng.random((5, 6)).astype("float32")
    clean = model.loss_terms(Batch(x, x), training=False)["reconstruction_loss"]
    corrupted = model.loss_terms(Batch(x, x), training=True)["reconstruction_loss"]
    shifted = model.loss_terms(Batch(x + 100, x), training=False)["reconstruction_loss"]
    np.testing.assert_allclose(corrupted, shifted, rtol=1e-5)
    assert (np.asarray(corrupted) != np.asarray(clean)).any()
    np.testing.assert_allclose(model.anomaly_score(x), clean, rtol=1e-5)


def test_a_variational_model_trains_with_corruption_and_keeps_it_in_its_config():
    model = tfae.VariationalAutoencoder.from_shape(
        (6,), 2, hidden_units=(), corruption="masking", seed=1
    )
    model.compile(keras.optimizers.Adam(0.05), run_eagerly=True)
    history = model.fit(rng.random((40, 6)).astype("float32"), epochs=5, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    copy = type(model).from_config(model.get_config())
    assert isinstance(copy.corruption, tfae.layers.MaskingCorruption)


# ---------------------------------------------------------------------------- scaling

DATA = (rng.normal(size=(60, 6)) * [1, 10, 100, 1, 5, 7] + [0, 5, 1e4, 1, -9, 3]).astype("float32")


def scaling():
    return tfae.layers.Scaling(DATA.mean(axis=0), 1 / DATA.std(axis=0))


@pytest.mark.parametrize(
    "model_class",
    [
        tfae.Autoencoder,
        tfae.SparseAutoencoder,
        tfae.VariationalAutoencoder,
        tfae.ConditionalVariationalAutoencoder,
        tfae.ImportanceWeightedAutoencoder,
        tfae.AdversarialAutoencoder,
    ],
    ids=lambda c: c.__name__,
)
def test_a_model_with_scaling_equals_the_model_of_scaled_data_in_the_units_of_the_data(model_class):
    plain = model_class.from_shape((6,), 2, hidden_units=(5,), likelihood="gaussian", seed=1)
    config = plain.get_config()
    model = model_class.from_config(config | {"scaling": scaling()})
    model.set_weights(plain.get_weights())
    scaled = np.asarray(scaling()(DATA))
    np.testing.assert_allclose(model.encode(DATA), plain.encode(scaled), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        model.reconstruct(DATA),
        plain.reconstruct(scaled) * DATA.std(axis=0) + DATA.mean(axis=0),
        rtol=1e-4,
        atol=1e-3,
    )
    np.testing.assert_allclose(model.predict(DATA, verbose=0), model.reconstruct(DATA), rtol=1e-5)
    np.testing.assert_allclose(
        model.anomaly_score(DATA), plain.anomaly_score(scaled), rtol=1e-3, atol=1e-3
    )
    if hasattr(model, "log_likelihood"):
        volume = np.log(1 / DATA.std(axis=0)).sum()
        np.testing.assert_allclose(
            model.log_likelihood(DATA, 3, seed=1),
            plain.log_likelihood(scaled, 3, seed=1) + volume,
            rtol=1e-3,
            atol=1e-2,
        )


def test_generated_data_is_in_the_units_of_the_data_after_loading_too(tmp_path):
    model = tfae.VariationalAutoencoder.from_shape(
        (6,), 2, hidden_units=(5,), likelihood="gaussian", seed=1, scaling=scaling()
    )
    model.compile(jit_compile=False)
    model.fit(DATA, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    generated = model.generate(200, seed=0)
    np.testing.assert_array_equal(loaded.generate(200, seed=0), generated)
    assert abs(generated[:, 2].mean() - 1e4) < 300


def test_scaling_changes_the_support_of_the_data():
    model = tfae.Autoencoder.from_shape((6,), 2, scaling=tfae.layers.Scaling(0, 1 / 255))
    data = np.full((2, 6), 255.0, "float32")
    assert np.isfinite(model.anomaly_score(data)).all()
    with pytest.raises(ValueError, match=r"must lie in \[.*, 255\]"):
        model.anomaly_score(data + 1)


@pytest.mark.parametrize(("shift", "factor"), [(np.nan, 1), (0, 0), (0, np.inf), (0, [1, 0])])
def test_scaling_refuses_factors_that_cannot_be_undone(shift, factor):
    with pytest.raises(ValueError, match="must be finite"):
        tfae.layers.Scaling(shift, factor)


# ---------------------------------------------------------------------------- tied weights


class Transposed(keras.layers.Layer):
    """Multiplies by the transposed kernel of another layer."""

    def __init__(self, dense, **kwargs):
        super().__init__(**kwargs)
        self.dense = dense

    def call(self, z):
        return keras.ops.matmul(z, keras.ops.transpose(self.dense.kernel))


def test_tied_weights_train_and_are_saved_by_save_weights_but_not_as_a_keras_file(
    tmp_path,
):
    def tied(seed):
        x, z = keras.Input((6,)), keras.Input((CODES,))
        dense = keras.layers.Dense(CODES, kernel_initializer=keras.initializers.GlorotUniform(seed))
        encoder = keras.Model(x, dense(x))
        model = tfae.Autoencoder(encoder, keras.Model(z, Transposed(dense)(z)), seed=seed)
        model.compile(jit_compile=False)
        return model

    model, x = tied(1), rng.random((40, 6)).astype("float32")
    model.fit(x, verbose=0)
    assert len(model.trainable_variables) == 2
    with pytest.raises(NotImplementedError, match=r"share dense.*/kernel.*save_weights"):
        model.save(tmp_path / "model.keras")
    assert not (tmp_path / "model.keras").exists()
    model.save_weights(tmp_path / "model.weights.h5")
    other = tied(2)
    other.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(other.reconstruct(x), model.reconstruct(x))


def test_an_anomaly_map_adds_up_to_the_reconstruction_part_of_the_score(few_digits):
    x = few_digits[:20] * 3
    options = {"hidden_units": (8,), "likelihood": "gaussian", "seed": 0}
    scaling = tfae.layers.Scaling(0.5, 2.0)
    plain = tfae.Autoencoder.from_shape((8, 8, 1), 2, scaling=scaling, **options)
    score_map = plain.anomaly_map(x, batch_size=7)
    assert score_map.shape == x.shape
    np.testing.assert_allclose(score_map.sum(axis=(1, 2, 3)), plain.anomaly_score(x), rtol=1e-5)

    vae = tfae.VariationalAutoencoder.from_shape((8, 8, 1), 2, **options)
    encoded = vae.encode(x, return_dict=True)
    mean, log_variance = encoded["code"], encoded["log_variance"]
    kl = 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance).sum(axis=1)
    total = vae.anomaly_map(x).sum(axis=(1, 2, 3)) + kl
    np.testing.assert_allclose(total, vae.anomaly_score(x), rtol=1e-4)
