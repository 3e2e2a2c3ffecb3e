import keras
import numpy as np
import pytest
import tensorflow as tf

import tfae
from tfae.layers import TopK
from tfae.losses import KL, L1

dense = keras.layers.Dense


def sparse(latent_dim=100, compiled="eager", seed=3, **options):
    """Builds a small model that runs eagerly by default: for a few steps that is fastest."""
    keras.utils.set_random_seed(3)
    options = {"hidden_units": (), **options}
    model = tfae.SparseAutoencoder.from_shape((8, 8, 1), latent_dim, seed=seed, **options)
    if compiled:
        eagerly = compiled == "eager"
        model.compile(keras.optimizers.Adam(1e-2), run_eagerly=eagerly, jit_compile=False)
    return model


def networks(*layers, code=5):
    """Returns an encoder of the given layers and a decoder."""
    encoder = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), *layers])
    decoder = keras.Sequential([keras.Input((code,)), dense(64), keras.layers.Reshape((8, 8, 1))])
    return encoder, decoder


# ---------------------------------------------------------------------------- L1


@pytest.mark.slow
def test_l1_makes_most_activations_exactly_zero_and_still_reconstructs(digits):
    def trained(coefficient):
        model = sparse(sparsity=L1(coefficient), likelihood="squared_error", compiled="graph")
        model.fit(digits, epochs=10, verbose=0)
        error = ((model.reconstruct(digits) - digits) ** 2).sum(axis=(1, 2, 3)).mean()
        return np.mean(model.encode(digits) == 0), error

    zeros, error = trained(0.5)
    zeros_of_plain, error_of_plain = trained(0.0)
    variance = digits.var(axis=0).sum()
    assert zeros > 0.9 > zeros_of_plain
    assert error_of_plain < error < 0.5 * variance


def test_l1_counts_every_hidden_layer_of_encoder_and_decoder(few_digits):
    model = sparse(6, hidden_units=(24, 12), sparsity=L1(0.25))
    features = model.features(few_digits)
    hidden = [features["hidden_1"], features["hidden_2"], features["code"]]
    code = features["code"]
    for layer in ("hidden_1", "hidden_2"):
        code = np.maximum(model.decoder.get_layer(layer)(code), 0)
        hidden.append(code)
    logs = model.evaluate(few_digits, verbose=0, return_dict=True)
    expected = 0.25 * sum(np.abs(h).sum() for h in hidden) / len(few_digits)
    assert logs["sparsity_loss"] == pytest.approx(expected, rel=1e-5)
    zeros = np.mean(np.concatenate([h.reshape(len(h), -1) for h in hidden], axis=1) == 0)
    assert logs["zero_fraction"] == pytest.approx(zeros, rel=1e-5)


def test_a_separate_activation_layer_counts_instead_of_the_layers_before_it(few_digits):
    """Dense, normalisation and ReLU count as one hidden layer, whose activations ReLU outputs."""
    relu = keras.layers.ReLU(name="relu")
    block = keras.Sequential(
        [keras.Input((64,)), dense(9), keras.layers.BatchNormalization(), relu]
    )
    encoder, decoder = networks(block, dense(5, "relu"))
    model = tfae.SparseAutoencoder(encoder, decoder, sparsity=L1(1.0))
    model.compile(run_eagerly=True)
    features = model.features(few_digits)
    (name,) = (n for n in features if n.endswith("/relu"))
    expected = (features[name].sum() + model.encode(few_digits).sum()) / len(few_digits)
    logs = model.evaluate(few_digits, verbose=0, return_dict=True)
    assert logs["sparsity_loss"] == pytest.approx(expected, rel=1e-4)


def test_a_linear_code_is_penalised_too(few_digits):
    model = sparse(6, sparsity=L1(1.0), code_activation="linear")
    expected = np.abs(model.encode(few_digits)).sum(axis=1).mean()
    logs = model.evaluate(few_digits, verbose=0, return_dict=True)
    assert logs["sparsity_loss"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("sparsity", [L1(0.5), TopK(7)])
def test_loss_and_zero_fraction_do_not_depend_on_the_batch_size(few_digits, sparsity):
    model = sparse(sparsity=sparsity)
    whole, parts = (
        model.evaluate(few_digits, batch_size=b, verbose=0, return_dict=True) for b in (203, 32)
    )
    assert whole == pytest.approx(parts, rel=1e-5)


def test_l1_refuses_networks_whose_layers_are_hidden():
    class Hidden(keras.Model):
        def __init__(self):
            super().__init__()
            self.layer = dense(5, "relu")

        def call(self, x):
            return self.layer(tf.reshape(x, [-1, 64]))

    model = tfae.SparseAutoencoder(Hidden(), networks()[1])
    with pytest.raises(ValueError, match=r"every hidden layer needs a Functional or Sequential"):
        model.build((None, 8, 8, 1))


# ---------------------------------------------------------------------------- KL


def test_kl_brings_the_mean_activation_to_the_target(digits):
    model = sparse(30, sparsity=KL(0.1, 20.0), compiled="graph")
    model.fit(digits, epochs=12, batch_size=128, verbose=0)
    means = model.encode(digits).mean(axis=0)
    assert model.encode(digits).min() > 0
    np.testing.assert_allclose(np.median(means), 0.1, atol=0.03)
    assert means.max() < 0.25


@pytest.mark.slow
def test_kl_trains_under_xla_with_sample_weights(few_digits):
    few_digits = few_digits[:64]  # two batches of one size: one program
    weights = np.linspace(0, 2, len(few_digits), dtype="float32")
    losses = []
    for options in ({"jit_compile": True}, {"run_eagerly": True}):
        model = sparse(10, sparsity="kl", compiled=False)
        model.compile(keras.optimizers.SGD(1e-2), **options)
        history = model.fit(few_digits, sample_weight=weights, verbose=0).history
        losses.append(history["loss"] + history["sparsity_loss"])
        assert history["zero_fraction"] == [0.0]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


@pytest.mark.parametrize(
    ("last", "named"),
    [
        (dense(5, "relu", name="last"), "'last' with the activation relu"),
        (dense(5, name="last"), "'last' with the activation linear"),
        (keras.layers.ReLU(name="last"), "'last' with the activation relu"),
    ],
)
def test_kl_refuses_units_that_are_not_sigmoid(last, named):
    layers = [dense(5), last] if isinstance(last, keras.layers.ReLU) else [last]
    with pytest.raises(ValueError, match=f"needs a code of sigmoid units.*{named}"):
        tfae.SparseAutoencoder(*networks(*layers), sparsity="kl")


@pytest.mark.parametrize("form", ["argument", "layer", "nested model"])
def test_kl_accepts_sigmoids_in_any_form_and_penalises_their_outputs(few_digits, form):
    layers = {
        "argument": [dense(5, "sigmoid")],
        "layer": [dense(5), keras.layers.Activation("sigmoid")],
        "nested model": [keras.Sequential([keras.Input((64,)), dense(5, "sigmoid")])],
    }[form]
    model = tfae.SparseAutoencoder(*networks(*layers), sparsity=KL(0.2, 3.0))
    model.compile(run_eagerly=True)
    logs = model.evaluate(few_digits, batch_size=203, verbose=0, return_dict=True)
    expected = 3.0 * tfae.losses.bernoulli_kl(0.2, tf.reduce_mean(model.encode(few_digits), axis=0))
    assert logs["sparsity_loss"] == pytest.approx(float(tf.reduce_sum(expected)), rel=1e-4)


# ---------------------------------------------------------------------------- top-k


def test_top_k_is_part_of_the_encoder_in_every_method(few_digits, tmp_path):
    model = sparse(sparsity=TopK(7, alpha=2))
    model.fit(few_digits, verbose=0)
    codes = model.encode(few_digits)
    assert (np.count_nonzero(codes, axis=1) == 14).all()
    np.testing.assert_array_equal(model.encoder(few_digits, training=False), codes)
    np.testing.assert_array_equal(model.features(few_digits)[model.sparsity.name], codes)
    assert np.count_nonzero(model.encoder(few_digits, training=True), axis=1).max() == 7
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded.encode(few_digits), codes)
    assert [type(layer) for layer in loaded.encoder.layers].count(TopK) == 1
    again = tfae.SparseAutoencoder.from_config(loaded.get_config())
    assert again.get_config() == loaded.get_config()


def test_top_k_logs_its_zero_fraction_and_no_penalty(few_digits):
    history = (
        sparse(sparsity=TopK(7, alpha=2))
        .fit(few_digits, validation_data=few_digits, epochs=2, verbose=0)
        .history
    )
    assert history["zero_fraction"] == pytest.approx([0.93] * 2)
    assert history["val_zero_fraction"] == pytest.approx([0.86] * 2)
    assert history["sparsity_loss"] == [0.0] * 2
    assert history["loss"] == history["reconstruction_loss"]


def test_top_k_codes_explain_most_of_the_variance_of_digits(digits):
    model = sparse(sparsity=TopK(8), likelihood="squared_error", compiled="graph")
    model.fit(digits, epochs=12, verbose=0)
    error = ((model.reconstruct(digits) - digits) ** 2).sum(axis=(1, 2, 3)).mean()
    assert error < 0.35 * digits.var(axis=0).sum()


def test_the_users_encoder_is_not_modified(few_digits):
    encoder, decoder = networks(dense(5))
    model = tfae.SparseAutoencoder(encoder, decoder, sparsity=TopK(2))
    assert np.count_nonzero(encoder(few_digits), axis=1).min() == 5
    assert model.encoder.name == encoder.name


def test_an_encoder_that_ends_in_a_different_top_k_is_refused():
    encoder, decoder = networks(dense(5), TopK(3))
    with pytest.raises(ValueError, match=r"ends in TopK\(k=3, alpha=1\).*TopK\(k=2, alpha=1\)"):
        tfae.SparseAutoencoder(encoder, decoder, sparsity=TopK(2))
    tfae.SparseAutoencoder(encoder, decoder, sparsity=TopK(3))


def test_a_k_larger_than_the_code_is_refused():
    with pytest.raises(ValueError, match="k=25 for inputs of 6 units"):
        sparse(6, sparsity="top_k")


# ---------------------------------------------------------------------------- any sparsity


@pytest.mark.parametrize("sparsity", ["l1", "kl", "top_k"])
def test_sparsity_given_by_name_trains_and_is_saved(few_digits, tmp_path, sparsity):
    model = sparse(30, sparsity=sparsity)
    model.fit(few_digits, verbose=0)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert type(loaded.sparsity) is type(model.sparsity)
    a, b = (m.train_on_batch(few_digits, return_dict=True) for m in (model, loaded))
    assert a == pytest.approx(b, rel=1e-6)


@pytest.mark.parametrize(
    ("sparsity", "expected"), [("l1", "relu"), ("kl", "sigmoid"), ("top_k", "linear")]
)
def test_the_code_has_the_activation_that_the_sparsity_needs(sparsity, expected):
    for options in ({}, {"architecture": "conv", "hidden_units": 16}):
        code = sparse(30, sparsity=sparsity, **options).encoder.get_layer("code")
        assert code.activation.__name__ == expected


def test_the_activation_of_the_code_can_be_chosen():
    model = sparse(30, sparsity=TopK(4), code_activation="relu")
    assert model.encoder.get_layer("code").activation.__name__ == "relu"


@pytest.mark.parametrize("sparsity", ["l2", 0.1, None, L1])
def test_an_unknown_sparsity_is_refused_with_the_known_ones(sparsity):
    with pytest.raises(ValueError, match=r"\['kl', 'l1', 'top_k'\].*received sparsity="):
        sparse(sparsity=sparsity)


def test_a_variational_code_cannot_have_an_activation():
    with pytest.raises(ValueError, match="`code_activation` must be 'linear' for a variational"):
        tfae.VariationalAutoencoder.from_shape((8, 8, 1), 3, code_activation="relu")


@pytest.mark.parametrize("sparsity", ["l1", "kl"])
def test_a_flattened_code_counts_once(digits, sparsity):
    activation = {"l1": "relu", "kl": "sigmoid"}[sparsity]
    x, code = keras.Input((8, 8, 1)), keras.Input((32,))
    h = keras.layers.Conv2D(2, 3, 2, "same", activation=activation)(x)
    encoder = keras.Model(x, keras.layers.Flatten()(h))
    decoder = keras.Model(code, keras.layers.Reshape((8, 8, 1))(keras.layers.Dense(64)(code)))
    model = tfae.SparseAutoencoder(encoder, decoder, sparsity, seed=0)
    model.compile(run_eagerly=True)
    logs = model.evaluate(digits[:100], batch_size=100, verbose=0, return_dict=True)
    codes = model.encode(digits[:100])
    expected = {
        "l1": 0.1 * np.abs(codes).sum(axis=1).mean(),
        "kl": float(np.sum(tfae.losses.sparsity.bernoulli_kl(0.05, codes.mean(axis=0)))),
    }[sparsity]
    assert logs["sparsity_loss"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
def test_logistic_regression_on_k_sparse_codes_beats_random_codes(digits):
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression

    labels = load_digits().target
    train, test = slice(0, 600), slice(600, None)
    keras.utils.set_random_seed(0)
    model = tfae.SparseAutoencoder.from_shape(
        (8, 8, 1),
        100,
        hidden_units=(),
        sparsity=tfae.layers.TopK(10, alpha=3),
        likelihood="squared_error",
        seed=0,
    )
    model.compile(keras.optimizers.Adam(3e-3), jit_compile=False)
    accuracies = []
    for epochs in (0, 20):
        if epochs:
            model.fit(digits, epochs=epochs, verbose=0)
        codes = model.encode(digits)
        classifier = LogisticRegression(max_iter=500).fit(codes[train], labels[train])
        accuracies.append(classifier.score(codes[test], labels[test]))
    assert accuracies[1] > max(0.9, accuracies[0])
