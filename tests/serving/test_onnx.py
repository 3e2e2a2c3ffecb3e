"""ONNX Runtime gives the answers of the model."""

import resource
from pathlib import Path

import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf

import tfae
from tfae.export import onnx


def test_a_file_gives_what_predict_gives(model_class_at_length, make_model, few_digits, tmp_path):
    model = make_model(model_class_at_length)
    assert onnx(model, tmp_path / "model.onnx") == tmp_path / "model.onnx"
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    label = np.arange(len(few_digits)) % 2  # if the model takes labels
    inputs = {i.name: {"x": few_digits, "label": label}[i.name] for i in session.get_inputs()}
    assert "x" in inputs
    expected = model.predict(inputs if "label" in inputs else few_digits, verbose=0)
    for rows in (len(few_digits), 1):  # a batch of any size
        (given,) = session.run(None, {name: array[:rows] for name, array in inputs.items()})
        # Sparse coding's solver stops within a tolerance of this size.
        np.testing.assert_allclose(given, expected[:rows], rtol=0, atol=1e-4)
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]


def test_convolutions_are_converted(few_digits, tmp_path):
    model = tfae.Autoencoder.from_shape((8, 8, 1), 3, architecture="conv", filters=(4,))
    onnx(model, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    (given,) = session.run(None, {"x": few_digits})
    np.testing.assert_allclose(given, model.reconstruct(few_digits), rtol=0, atol=1e-5)


def test_a_layer_without_counterpart_is_named_and_what_was_there_stays(tmp_path):
    class Cholesky(keras.layers.Layer):
        def call(self, x):
            return tf.linalg.cholesky(x[:, :, None] * x[:, None] + tf.eye(3))[:, 0]

    x = keras.Input((8,))
    code = Cholesky(name="my_layer")(keras.layers.Dense(3)(x))
    decoder = keras.Sequential([keras.Input((3,)), keras.layers.Dense(8)])
    (tmp_path / "model.onnx").write_text("before")
    with pytest.raises(ValueError, match=r"(?s)cannot be exported to ONNX.*my_layer"):
        onnx(tfae.Autoencoder(keras.Model(x, code), decoder), tmp_path / "model.onnx")
    assert (tmp_path / "model.onnx").read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 1


def test_an_exported_file_replaces_an_older_one(make_model, tmp_path):
    (tmp_path / "model.onnx").write_text("before")
    onnx(make_model(tfae.Autoencoder), tmp_path / "model.onnx")
    assert onnxruntime.InferenceSession(tmp_path / "model.onnx")


@pytest.mark.parametrize("before", [None, b"before"], ids=["new file", "older file"])
@pytest.mark.parametrize(
    "limit",
    [*(pytest.param(n, marks=pytest.mark.slow) for n in (0, 100)), 3_000],
    ids="{} bytes".format,
)
def test_a_full_disk_leaves_what_was_there(make_model, tmp_path, limit, before):
    path = tmp_path / "new" / "model.onnx" if before is None else tmp_path / "model.onnx"
    if before is not None:
        path.write_bytes(before)
    model = make_model(tfae.Autoencoder)
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, unlimited[1]))  # no file grows beyond
    try:
        with pytest.raises(OSError, match=r"cannot write .*model\.onnx: File too large"):
            onnx(model, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    left = {file.relative_to(tmp_path): file.read_bytes() for file in tmp_path.rglob("*")}
    assert left == ({} if before is None else {Path("model.onnx"): before})


def test_an_unbuilt_model_and_a_place_that_cannot_be_written_are_refused(tmp_path):
    dense = keras.layers.Dense
    unbuilt = tfae.Autoencoder(keras.Sequential([dense(2)]), keras.Sequential([dense(4)]))
    with pytest.raises(ValueError, match="is not built yet"):
        onnx(unbuilt, tmp_path / "m.onnx")
    (tmp_path / "file").write_text("")
    model = tfae.Autoencoder.from_shape((4,), 2, hidden_units=())
    with pytest.raises(OSError, match=r"cannot write .*m\.onnx"):
        onnx(model, tmp_path / "file" / "m.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
