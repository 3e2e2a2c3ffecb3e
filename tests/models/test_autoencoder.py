import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.linalg import subspace_angles
from sklearn.decomposition import PCA

import tfae
from tfae.hyperparameters import of_constructor


def dense(inputs, outputs, heads=1):
    x = keras.Input((inputs,))
    y = [keras.layers.Dense(outputs)(x) for _ in range(heads)]
    return keras.Model(x, y if heads > 1 else y[0])


@pytest.mark.slow
def test_it_beats_pca_at_the_same_code_size(digits):
    x = digits.reshape(-1, 64)
    train, test = x[:1500], x[1500:]
    model = tfae.Autoencoder.from_shape((64,), 4, likelihood="squared_error", seed=0)
    model.compile()
    model.fit(train, epochs=60, batch_size=50, verbose=0)
    error = ((model.reconstruct(test) - test) ** 2).sum(axis=1).mean()
    pca = PCA(4).fit(train)
    pca_error = ((pca.inverse_transform(pca.transform(test)) - test) ** 2).sum(axis=1).mean()
    assert error < 0.75 * pca_error


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_linear_autoencoder_finds_the_subspace_and_the_error_of_pca(digits, seed):
    x = digits.reshape(-1, 64)
    x = x - x[:1500].mean(axis=0)
    train, test = x[:1500], x[1500:]
    pca = PCA(4).fit(train)
    keras.utils.set_random_seed(seed)
    model = tfae.Autoencoder.from_shape(
        (64,), 4, hidden_units=(), likelihood="squared_error", seed=seed
    )
    # 100 epochs of 6 steps. The decay to zero lets Adam converge.
    decay = keras.optimizers.schedules.CosineDecay(1e-2, 100 * 6)
    model.compile(keras.optimizers.Adam(decay), jit_compile=False)
    model.fit(train, epochs=100, batch_size=250, verbose=0)

    error = ((model.reconstruct(test) - test) ** 2).sum(axis=1).mean()
    pca_error = ((pca.inverse_transform(pca.transform(test)) - test) ** 2).sum(axis=1).mean()
    assert error == pytest.approx(pca_error, rel=0.01)
    spanned_by_decoder = model.decoder.get_layer("output").kernel.numpy().T
    angles = subspace_angles(spanned_by_decoder, pca.components_.T)
    assert np.degrees(angles).max() < 5
    # The codes are PCA's scores up to a linear map. (The encoder's weights need not lie in the
    # subspace: those of pixels that are always empty stay as they were initialised.)
    assert np.degrees(subspace_angles(model.encode(train), pca.transform(train))).max() < 5


def test_a_subclassed_encoder_is_built_from_the_first_data(few_digits):
    class Encoder(keras.Model):
        def __init__(self):
            super().__init__()
            self.flatten = keras.layers.Flatten()
            self.dense = keras.layers.Dense(3)

        def call(self, x):
            return self.dense(self.flatten(x))

    decoder = keras.Sequential([keras.layers.Dense(64), keras.layers.Reshape((8, 8, 1))])

    class Sequence(keras.utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            return few_digits[:32], few_digits[:32]

    def generator():
        for size in (3, 5, 7):
            yield (few_digits[:size],)

    few_digits = few_digits[:96]
    dataset = tf.data.Dataset.from_tensor_slices(few_digits).batch(32)
    for data in (few_digits, dataset, Sequence(), generator()):
        model = tfae.Autoencoder(Encoder(), keras.models.clone_model(decoder))
        assert not model.built
        model.compile(run_eagerly=True)
        steps = 3 if hasattr(data, "__next__") else None
        model.fit(data, steps_per_epoch=steps, verbose=0)
        assert steps in (None, int(model.optimizer.iterations)), (
            "the batch that built the model was lost"
        )
        assert model.encode(few_digits).shape == (96, 3)
        assert model.latent_dim == 3
        with pytest.raises(ValueError, match="Functional or Sequential"):
            model.features(few_digits)


def test_features_of_nested_and_repeated_layers_have_their_own_names(few_digits):
    shared = keras.layers.Dense(6, "relu", name="shared")
    block = keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(6, "tanh", name="dense"),
         keras.layers.Activation("relu", name="act")], name="block",
    )  # fmt: skip
    x = keras.Input((64,))
    h = shared(keras.layers.Dense(6, name="first")(x))
    encoder = keras.Model(x, keras.layers.Dense(2, name="code")(shared(block(h))))
    model = tfae.Autoencoder(encoder, dense(2, 64))
    flat = few_digits.reshape(-1, 64)
    features = model.features(flat)
    assert list(features) == ["first", "shared", "shared_1", "block/dense", "block/act", "code"]
    np.testing.assert_allclose(features["code"], model.encode(flat), rtol=1e-5)
    np.testing.assert_allclose(
        features["block/act"], np.maximum(features["block/dense"], 0), rtol=1e-6
    )
    np.testing.assert_allclose(
        features["block/dense"], block.layers[0](features["shared"]), rtol=1e-5, atol=1e-6
    )
    assert (np.abs(features["shared_1"] - features["shared"]) > 0).any()


def test_features_follow_training(few_digits):
    flat = few_digits.reshape(-1, 64)
    model = tfae.Autoencoder(dense(64, 2), dense(2, 64))
    before = next(iter(model.features(flat).values()))
    model.compile(run_eagerly=True)
    model.fit(flat[:32], verbose=0)
    after = next(iter(model.features(flat).values()))
    np.testing.assert_allclose(after, model.encode(flat), rtol=1e-5)
    assert (before != after).any()


def test_networks_that_do_not_fit_together_are_refused():
    with pytest.raises(
        ValueError, match=r"`decoder` takes codes of shape \(None, 3\).*\(None, 2\)"
    ):
        tfae.Autoencoder(dense(64, 2), dense(3, 64))
    with pytest.raises(ValueError, match="must end in a linear layer with the shape of the data"):
        tfae.Autoencoder(dense(64, 2), dense(2, 63))
    with pytest.raises(ValueError, match="must give one tensor, the code; it gives 2"):
        tfae.Autoencoder(dense(64, 2, heads=2), dense(2, 64))
    with pytest.raises(ValueError, match="`encoder` must be a Keras model"):
        tfae.Autoencoder(lambda x: x, dense(2, 64))


def test_a_deterministic_autoencoder_refuses_to_generate():
    with pytest.raises(NotImplementedError, match="no distribution over codes"):
        tfae.Autoencoder(dense(64, 2), dense(2, 64)).generate(3)


@pytest.mark.parametrize(
    "likelihood",
    [
        pytest.param("gaussian", marks=pytest.mark.slow),
        pytest.param("squared_error", marks=pytest.mark.slow),
        tfae.losses.Gaussian("learned"),
    ],
)
def test_likelihoods_of_real_data_train_on_unbounded_data(likelihood, tmp_path):
    x = np.random.default_rng(0).normal(5.0, 3.0, (200, 6)).astype("float32")
    model = tfae.Autoencoder(dense(6, 4), dense(4, 6), likelihood=likelihood, seed=0)
    model.compile(keras.optimizers.Adam(0.05), run_eagerly=True)
    losses = model.fit(x, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(loaded.anomaly_score(x), model.anomaly_score(x), rtol=1e-6)


def test_another_keras_backend_is_refused(monkeypatch):
    import importlib

    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    with pytest.raises(ImportError, match="KERAS_BACKEND=tensorflow"):
        importlib.reload(tfae)


def test_generate_refuses_a_label_if_the_model_has_no_classes():
    vae = tfae.VariationalAutoencoder.from_shape((4,), 2, hidden_units=())
    with pytest.raises(ValueError, match="no classes; leave `label` out"):
        vae.generate(3, label=1)


def test_a_subclass_may_require_its_own_arguments_and_networks():
    class Tempered(tfae.Autoencoder):
        network_names = (*tfae.Autoencoder.network_names, "critic")

        def __init__(self, encoder, decoder, temperature, critic=None, **options):
            super().__init__(encoder, decoder, **options)
            self.temperature = temperature

    model = Tempered.from_shape((4,), 2, hidden_units=(), temperature=3.0, likelihood="gaussian")
    assert model.temperature == 3.0
    assert type(model.likelihood).__name__ == "Gaussian"
    names = of_constructor(Tempered)
    assert "critic" not in names
    assert {"temperature", "likelihood", "seed", "corruption"} <= set(names)
