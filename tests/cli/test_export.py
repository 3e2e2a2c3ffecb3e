"""`tfae export RUN`."""

import json

import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf

import tfae as package


def test_each_export_for_a_server_gets_the_next_version(tfae, own_run):
    for version in (1, 2):
        shown = tfae(f"export {own_run}").output
        assert f"version {version}" in shown
        assert "reconstruct" in shown
        assert "README.md" in shown
    directory = own_run / "export" / "digits"
    assert {path.name for path in directory.iterdir()} == {"1", "2", "serving"}
    model = keras.saving.load_model(own_run / "model.keras")
    served = tf.saved_model.load(str(directory / "2"))
    given = served.signatures["generate"](seed=tf.constant([3], tf.int64))["x"]
    np.testing.assert_allclose(given, model.generate(1, seed=3), atol=1e-5)


def test_folder_version_and_8_bit_images_can_be_chosen(tfae, own_run, tmp_path):
    tfae(f"export {own_run} --out {tmp_path / 'm'} --version 7 --uint8")
    served = tf.saved_model.load(str(tmp_path / "m" / "7"))
    (x,) = served.signatures["encode"].structured_input_signature[1].values()
    assert x.dtype == tf.uint8
    message = tfae(f"export {own_run} --out {tmp_path / 'm'} --version 7", exit_code=2).output
    assert "7 exists already" in message


def test_a_run_is_exported_to_an_onnx_file(tfae, own_run, digits):
    shown = tfae(f"export {own_run} --format onnx").output
    assert "digits.onnx" in shown
    session = onnxruntime.InferenceSession(own_run / "export" / "digits.onnx")
    model = keras.saving.load_model(own_run / "model.keras")
    (given,) = session.run(None, {"x": digits[:5]})
    np.testing.assert_allclose(given, model.reconstruct(digits[:5]), atol=1e-5)


def test_a_tflite_file_is_calibrated_and_measured_on_the_runs_own_data(tfae, own_run, monkeypatch):
    asked = {}

    def tflite(model, path, quantize, **options):
        asked.update(options, model=model, path=path, quantize=quantize)
        return "the report"

    monkeypatch.setattr(package.export, "tflite", tflite, raising=False)
    bounds = "--allow relative_error=0.5 --allow score_correlation=-1"
    shown = tfae(f"export {own_run} --format tflite --quantize int8 --float-io {bounds}").output
    assert "the report" in shown
    assert asked["path"] == own_run / "export" / "digits.tflite"
    assert (asked["quantize"], asked["float_io"]) == ("int8", True)
    assert asked["allow"] == {"relative_error": 0.5, "score_correlation": -1.0}
    train = next(
        iter(package.data.load("digits", "train", 1000, validation_split=0.1, shuffle=False))
    )
    np.testing.assert_array_equal(asked["calibration"], train)
    test = next(iter(package.data.load("digits", "test", 1000, shuffle=False)))
    np.testing.assert_array_equal(asked["validation"], test)


@pytest.mark.slow
def test_a_tflite_file_is_measured_and_refused_if_it_is_too_far_from_the_model(tfae, own_run):
    path = own_run / "export" / "digits.tflite"
    shown = tfae(f"export {own_run} --format tflite").output
    assert "reconstruct" in shown
    assert path.stat().st_size > 1000
    half = f"export {own_run} --format tflite --quantize float16 --out {own_run / 'half.tflite'}"
    message = tfae(f"{half} --allow relative_error=0", exit_code=2).output
    assert "was not written, because it is too far from the model" in message
    assert not (own_run / "half.tflite").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--format tflite --allow relative_error", "--allow must be NAME=BOUND"),
        ("--format onnx --quantize int8", "--quantize is for --format tflite, not for onnx"),
        ("--float-io", "--float-io is for --format tflite, not for saved-model"),
        ("--format tflite --version 2", "--version is for --format saved-model, not for tflite"),
        ("--out 'a name'", "of letters, digits"),
    ],
)
def test_options_that_do_not_fit_are_refused(tfae, own_run, options, message):
    before = set(own_run.rglob("*"))
    assert message in tfae(f"export {own_run} {options}", exit_code=2).output
    assert set(own_run.rglob("*")) == before


def test_uint8_is_refused_for_a_run_whose_data_was_scaled_otherwise(tfae, own_run):
    config = json.loads((own_run / "config.json").read_text())
    config["data"]["scale"] = "standard"  # and not by the model, as in older runs
    (own_run / "config.json").write_text(json.dumps(config))
    message = tfae(f"export {own_run} --uint8", exit_code=2).output
    assert "the run was trained with --scale standard" in message


@pytest.mark.parametrize("kind", ["tflite", "onnx"])
def test_a_file_of_another_kind_or_that_exists_is_not_overwritten(tfae, own_run, kind):
    np.save("d.npy", np.zeros(3))
    export = f"export {own_run} --format {kind} --out"
    message = tfae(f"{export} d.npy --overwrite", exit_code=2).output
    assert f"--out must end in .{kind}; received d.npy" in message
    np.testing.assert_array_equal(np.load("d.npy"), np.zeros(3))
    with open(f"d.{kind}", "w") as file:
        file.write("mine")
    assert "exists already" in tfae(f"{export} d.{kind}", exit_code=2).output
    with open(f"d.{kind}") as file:
        assert file.read() == "mine"
