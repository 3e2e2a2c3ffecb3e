"""Every export of a model with a scaling takes and returns raw values."""

import json

import numpy as np
import pytest
import tensorflow as tf

import tfae
from tfae.device import DeviceModel
from tfae.export import saved_model, tflite


@pytest.fixture(scope="module")
def table() -> np.ndarray:
    """Columns with different ranges, one of them below zero."""
    uniform = np.random.default_rng(0).random((200, 4))
    return (uniform * [1, 10, 100, 3] + [0, 5, -100, 0]).astype("float32")


@pytest.fixture(scope="module")
def model(table):
    """A Bernoulli model of them, each column scaled to [0, 1]."""
    low, high = table.min(axis=0), table.max(axis=0)
    scaling = tfae.layers.Scaling(low, 1 / (high - low))
    model = tfae.VariationalAutoencoder.from_shape(
        (4,), 2, hidden_units=(), scaling=scaling, seed=0
    )
    model.fit_threshold(table, 0.1)
    return model


def signature(folder, name):
    loaded = tf.saved_model.load(str(folder))
    call = loaded.signatures[name]
    call.loaded = loaded  # keeps the variables
    return call


def test_a_served_model_scales_in_the_graph(model, table, tmp_path):
    folder = saved_model(model, tmp_path / "m")
    answer = signature(folder, "score")(x=tf.constant(table))
    expected = model.anomaly_score(table)
    np.testing.assert_allclose(answer["anomaly_score"], expected, rtol=1e-5)
    np.testing.assert_array_equal(
        answer["is_anomaly"], ~(answer["anomaly_score"].numpy() <= np.float32(model.threshold))
    )
    reconstruction = signature(folder, "reconstruct")(x=tf.constant(table))["reconstruction"]
    np.testing.assert_allclose(reconstruction, model.reconstruct(table), rtol=1e-4, atol=1e-4)
    outside = table[:1] + np.float32([[0, 10, 0, 0]])
    assert np.isinf(signature(folder, "score")(x=tf.constant(outside))["anomaly_score"])


def test_recorded_examples_lie_in_the_range_of_each_column(model, table, tmp_path):
    examples = saved_model(model, tmp_path / "m") / "assets.extra" / "examples"
    (row,) = json.loads((examples / "score.json").read_text())["inputs"]["x"]
    assert (table.min(axis=0) <= row).all()
    assert (row <= table.max(axis=0)).all()
    (score,) = json.loads((examples / "score.answer.json").read_text())["outputs"]["anomaly_score"]
    assert np.isfinite(score)


def test_a_device_scales_in_the_network_and_in_the_score(model, table, tmp_path):
    report = tflite(model, tmp_path / "m.tflite", validation=table)
    device = DeviceModel(tmp_path / "m.tflite")
    assert report.score_correlation > 0.999
    np.testing.assert_allclose(device.encode(table)["code"], model.encode(table), atol=1e-5)
    np.testing.assert_allclose(device.reconstruct(table), model.reconstruct(table), atol=1e-3)
    np.testing.assert_allclose(device.anomaly_score(table), model.anomaly_score(table), rtol=1e-4)
    clear = abs(model.anomaly_score(table) - model.threshold) > 1e-3  # the threshold is a score
    np.testing.assert_array_equal(device.is_anomaly(table)[clear], model.is_anomaly(table)[clear])
    outside = table[:1] + np.float32([[0, 10, 0, 0]])
    assert device.is_anomaly(outside).all()
    with pytest.raises(ValueError, match="`x` must hold numbers in"):
        device.encode(outside)


@pytest.mark.parametrize("quantize", [None, "int8"], ids=str)
def test_every_export_takes_raw_images(quantize, few_digits, tmp_path):
    x = np.rint(255 * few_digits).astype("float32")
    scaling = tfae.layers.Scaling(factor=1 / 255)
    model = tfae.Autoencoder.from_shape((8, 8, 1), 3, hidden_units=(), scaling=scaling, seed=0)
    report = tflite(model, tmp_path / "m.tflite", quantize, calibration=x)
    assert report.relative_error < 0.05
    device = DeviceModel(tmp_path / "m.tflite")
    rtol = 1e-4 if quantize is None else 0.05
    np.testing.assert_allclose(device.anomaly_score(x), model.anomaly_score(x), rtol=rtol)
    if quantize is None:  # 8-bit images must not be divided twice
        score = signature(saved_model(model, tmp_path / "m", uint8=True), "score")
        answer = score(x=tf.constant(x, tf.uint8))["anomaly_score"]
        np.testing.assert_allclose(answer, model.anomaly_score(x), rtol=1e-5)
