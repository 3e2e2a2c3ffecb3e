"""A model whose outputs are not finite is not exported."""

import numpy as np
import pytest
import tensorflow as tf

import tfae
from tfae.export import onnx, saved_model, tflite

EXPORTS = {"m": saved_model, "m.tflite": tflite, "m.onnx": onnx}


def reconstruct(path, x):
    if path.suffix != ".onnx":
        loaded = tf.saved_model.load(str(path / "1"))  # which keeps the variables alive
        (output,) = loaded.signatures["reconstruct"](x=tf.constant(x)).values()
        return output
    session = pytest.importorskip("onnxruntime").InferenceSession(path)
    return session.run(None, {"x": x})[0]


@pytest.fixture
def model():
    return tfae.Autoencoder.from_shape((4,), 2, hidden_units=(), seed=0)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", EXPORTS)
def test_weights_that_are_not_finite_are_refused(name, value, model, tmp_path):
    kernel = model.decoder.trainable_variables[0]
    kernel.assign(np.full(kernel.shape, value))
    with pytest.raises(ValueError, match=rf"weights {kernel.path} hold NaN or infinity"):
        EXPORTS[name](model, tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["m", "m.onnx"])
def test_they_are_exported_as_they_are_on_request(name, model, tmp_path):
    kernel = model.decoder.trainable_variables[0]
    values = kernel.numpy()
    values[:, 1] = np.nan  # of the second output only
    kernel.assign(values)
    EXPORTS[name](model, tmp_path / name, check_finite=False)
    x = np.random.default_rng(0).random((3, 4)).astype("float32")
    expected = model.reconstruct(x)
    assert np.isnan(expected).any(axis=0).tolist() == [False, True, False, False]
    np.testing.assert_allclose(reconstruct(tmp_path / name, x), expected, rtol=1e-5)


@pytest.mark.parametrize("threshold", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", EXPORTS)
def test_a_threshold_that_is_not_finite_is_never_written(name, threshold, model, tmp_path):
    model._fitted.threshold = threshold
    with pytest.raises(ValueError, match=r"its threshold is -?(nan|inf).*Call fit_threshold again"):
        EXPORTS[name](model, tmp_path / name)
    assert not list(tmp_path.iterdir())
