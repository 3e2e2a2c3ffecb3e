"""The files that describe a model to the page."""

import json

import keras
import numpy as np
import pytest

import tfae
from tfae.explore import prepare
from tfae.explore.page_files import num_examples

NAMES = {"run": "run", "data": "data"}


def about(folder):
    return json.loads((folder / "about.json").read_text())


def test_the_files_contain_the_examples_and_their_codes(prepared, vae, digits):
    examples = np.fromfile(prepared / "examples.f32", "<f4").reshape(-1, 8, 8, 1)
    codes = np.fromfile(prepared / "codes.f32", "<f4").reshape(-1, 2)
    np.testing.assert_array_equal(examples, digits[1400:])
    np.testing.assert_allclose(codes, vae.encode(digits[1400:]), rtol=1e-6)
    told = about(prepared)
    np.testing.assert_allclose(told["scores"], vae.anomaly_score(digits[1400:]), rtol=1e-5)
    assert told["shape"] == [8, 8, 1]
    assert told["isImage"]
    assert told["numClasses"] is None
    assert told["range"] == [0, 1]
    assert [term["term"] for term in told["score"]] == ["bernoulli", "gaussian_kl"]


def test_missing_values_are_shown_as_the_model_reconstructs_them(tmp_path):
    x = np.random.default_rng(0).uniform(size=(16, 4)).astype("float32")
    x[::2, 1] = np.nan
    model = tfae.Autoencoder.from_shape((4,), 2, hidden_units=(), missing="mask", seed=0)
    prepare(model, x, tmp_path, **NAMES)
    examples = np.fromfile(tmp_path / "examples.f32", "<f4").reshape(x.shape)
    expected = np.where(np.isnan(x), model.reconstruct(x), x)
    np.testing.assert_allclose(examples, expected, rtol=1e-6)
    np.testing.assert_allclose(about(tmp_path)["scores"], model.anomaly_score(x), rtol=1e-5)


def with_scaled_codes(model, scales):
    kernel, bias = model.encoder.layers[-1].get_weights()
    model.encoder.layers[-1].set_weights([kernel * scales, bias * scales])
    return model


@pytest.mark.slow
def test_the_most_informative_dimension_comes_first(tmp_path):
    x = np.random.default_rng(0).normal(size=(64, 12)).astype("float32")
    model = tfae.Autoencoder.from_shape((12,), latent_dim=3, likelihood="gaussian", seed=0)
    prepare(with_scaled_codes(model, [1.0, 100.0, 10.0]), x, tmp_path, **NAMES)
    told = about(tmp_path)
    assert told["information"] == "variance"
    assert [dimension["index"] for dimension in told["dimensions"]] == [1, 2, 0]
    codes = model.encode(x)
    for dimension in told["dimensions"]:
        code = codes[:, dimension["index"]]
        assert dimension["information"] == pytest.approx(code.var(), rel=1e-4)
        assert dimension["low"] < code.min() < code.max() < dimension["high"]
    assert not told["isImage"]
    assert told["range"] == pytest.approx([x.min(), x.max()])


def test_the_information_of_a_variational_code_is_its_kl(prepared, vae, digits):
    mean, log_variance = map(np.asarray, vae.encoder(digits[1400:]))
    kl = 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance).mean(axis=0)
    told = about(prepared)
    assert told["information"] == "KL"
    for dimension in told["dimensions"]:
        assert dimension["information"] == pytest.approx(kl[dimension["index"]], rel=1e-4)
        assert dimension["low"] <= -3
        assert dimension["high"] >= 3


def test_a_model_without_a_decoder_is_refused(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="Sequential does not decode codes"):
        prepare(model, np.zeros((4, 3)), tmp_path, **NAMES)


@pytest.mark.slow
@pytest.mark.parametrize("labels", [None, np.array([0, 1, -1, 1])])
def test_a_conditional_model_gets_the_labels_of_the_examples(tmp_path, labels):
    x = np.random.default_rng(0).random((4, 3)).astype("float32")
    model = tfae.ConditionalVariationalAutoencoder.from_shape((3,), 2, num_classes=2, seed=0)
    model.offsets.assign([[1.0, 0, 0], [0, 2, 0]])
    prepare(model, x, tmp_path, labels, **NAMES)
    told = about(tmp_path)
    assert told["numClasses"] == 2
    assert told["labels"] == (None if labels is None else [0, 1, -1, 1])
    given = {"x": x, "label": np.full(4, -1) if labels is None else labels}
    codes = np.fromfile(tmp_path / "codes.f32", "<f4").reshape(-1, 2)
    np.testing.assert_allclose(codes, model.encode(given), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(told["scores"], model.anomaly_score(given), rtol=1e-5)


def test_codes_that_are_not_flat_are_refused(tmp_path):
    encoder = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(2, 3, 2, "same")])
    decoder = keras.Sequential(
        [keras.Input((4, 4, 2)), keras.layers.Conv2DTranspose(1, 3, 2, "same")]
    )
    with pytest.raises(ValueError, match=r"flat codes .* gives codes of shape \(4, 4, 4, 2\)"):
        prepare(tfae.Autoencoder(encoder, decoder), np.zeros((4, 8, 8, 1)), tmp_path, **NAMES)
    assert not list(tmp_path.iterdir())


def test_fewer_large_examples_are_shown():
    assert num_examples((28, 28, 1)) == 2000
    assert 1 <= num_examples((512, 512, 3)) < 20
    assert num_examples((4096, 4096, 3)) == 1
