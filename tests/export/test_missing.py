"""Exports of models that take missing values: NaN in float graphs, a mask in int8 files."""

import json

import numpy as np
import pytest
import tensorflow as tf

import tfae
from tfae.device import DeviceModel
from tfae.export import saved_model, tflite
from tfae.internals import all_layers
from tfae.layers.missing import WithMissing

RNG = np.random.default_rng(0)
FULL = RNG.uniform(size=(60, 4, 3)).astype("float32")
HOLES = np.where(RNG.uniform(size=FULL.shape) < 0.3, np.nan, FULL).astype("float32")
MODELS = [m for m in tfae.models.MODELS.values() if hasattr(m, "from_shape")]


def trained(model_class, **options):
    model = model_class.from_shape((4, 3), 3, hidden_units=(16,), missing="mask", seed=1, **options)
    model.compile(jit_compile=False)
    model.fit(HOLES, epochs=1, verbose=0)
    for layer in all_layers(model.encoder):
        if isinstance(layer, WithMissing):  # as after a long training
            kernel = layer.of_missing.kernel
            kernel.assign(RNG.normal(0.0, 0.3, kernel.shape))
    return model


@pytest.fixture(scope="module")
def model():
    model = trained(tfae.VariationalAutoencoder)
    model.fit_threshold(HOLES, 0.1)
    return model


def label_of(model, n, dtype):
    return {"label": np.full(n, -1, dtype)} if model.conditional else {}


def assert_serves(model, folder):
    """A SavedModel scores, encodes and reconstructs rows with NaN as Keras does."""
    ask = tf.saved_model.load(str(saved_model(model, folder))).signatures
    request = {"x": tf.constant(HOLES), **label_of(model, len(HOLES), "int64")}
    request = {name: tf.constant(value) for name, value in request.items()}
    answer = ask["score"](**request)
    score = model.anomaly_score(HOLES)
    np.testing.assert_allclose(answer["anomaly_score"], score, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(
        ask["reconstruct"](**request)["reconstruction"], model.reconstruct(HOLES), atol=1e-5
    )
    return ask, answer


def test_a_served_model_takes_nan_as_missing_and_refuses_only_what_is_no_data(model, tmp_path):
    ask, answer = assert_serves(model, tmp_path / "m")
    np.testing.assert_array_equal(answer["is_anomaly"], model.is_anomaly(HOLES))
    odd = HOLES[:3].copy()
    odd[0] = np.nan  # nothing is known, which is not odd
    odd[1, 0, 0], odd[2, 0, 0] = np.inf, 7.0
    scores = ask["score"](x=tf.constant(odd))["anomaly_score"].numpy()
    assert np.isfinite(scores).tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("quantize", "missing", "tolerance"),
    [
        (None, "nan", 1e-5),
        ("int8", "mask", 0.05),
        pytest.param("float16", "nan", 1e-3, marks=pytest.mark.slow),
        pytest.param("dynamic", "nan", 0.05, marks=pytest.mark.slow),
    ],
)
def test_a_device_scores_what_is_observed(model, tmp_path, quantize, missing, tolerance):
    path = tmp_path / "m.tflite"
    data = {"validation" if quantize is None else "calibration": HOLES}
    report = tflite(model, path, quantize, **data)
    device = DeviceModel(path)
    assert device.metadata["missing"] == missing
    np.testing.assert_allclose(
        device.anomaly_score(HOLES), model.anomaly_score(HOLES), rtol=tolerance, atol=tolerance
    )
    np.testing.assert_allclose(
        device.reconstruct(HOLES), model.reconstruct(HOLES), atol=10 * tolerance
    )
    assert np.isfinite(device.encode(HOLES)["code"]).all()
    assert report.score_correlation > 0.99
    odd = HOLES[:3].copy()
    odd[1, 0, 0], odd[2, 0, 0] = np.inf, 7.0
    assert np.isinf(device.anomaly_score(odd)).tolist() == [False, True, True]
    with pytest.raises(ValueError, match=r"`x` must hold numbers in \[0, 1\]"):
        device.encode(odd)
    if missing == "mask":
        with pytest.raises(ValueError, match=r"'encode' takes .*mask.*; received x\."):
            device.run("encode", x=FULL)


@pytest.mark.slow
def test_an_int8_file_learns_from_complete_examples_what_missing_ones_do(model, tmp_path):
    tflite(model, tmp_path / "m.tflite", "int8", FULL)
    device = DeviceModel(tmp_path / "m.tflite")
    codes = model.encode(HOLES)
    assert np.corrcoef(device.encode(HOLES)["code"].ravel(), codes.ravel())[0, 1] > 0.995
    unaware = model.encode(np.nan_to_num(HOLES))
    assert np.corrcoef(unaware.ravel(), codes.ravel())[0, 1] < 0.98


def test_metadata_of_other_models_has_no_missing_values(tmp_path):
    model = tfae.Autoencoder.from_shape((4, 3), 3, hidden_units=(16,), seed=1)
    tflite(model, tmp_path / "m.tflite")
    device = DeviceModel(tmp_path / "m.tflite")
    assert json.loads(json.dumps(device.metadata))["missing"] is None
    assert np.isinf(device.anomaly_score(HOLES[:1])).all()


@pytest.mark.slow
@pytest.mark.parametrize("model_class", MODELS, ids=lambda m: m.__name__)
def test_every_model_is_exported_with_missing_values(model_class, tmp_path):
    model = trained(model_class)
    assert_serves(model, tmp_path / "m")
    # Of a few small random examples: how good int8 is, tests/export/test_tflite.py tells.
    loose = {"relative_error": 1.0, "reconstruction_change": 1.0, "score_correlation": 0.5}
    for quantize, allow in ((None, None), ("int8", loose)):
        tflite(model, tmp_path / "m.tflite", quantize, HOLES, allow=allow)
        device = DeviceModel(tmp_path / "m.tflite")
        label = label_of(model, len(HOLES), "int32")
        assert np.isfinite(device.reconstruct(HOLES, **label)).all()
        if quantize is None and device.metadata["score"] is not None:
            np.testing.assert_allclose(
                device.anomaly_score(HOLES, **label),
                model.anomaly_score(HOLES),
                rtol=1e-4,
                atol=1e-4,
            )
