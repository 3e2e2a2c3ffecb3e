"""The .tflite file of every model, run by LiteRT itself and compared with Keras."""

import errno
import os
import shutil
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from sklearn.datasets import load_digits

import tfae
from tfae.batches.batch import Batch
from tfae.device import DeviceModel, read_metadata
from tfae.export import examples, tflite
from tfae.export.report import BOUNDS, QuantizationError

MODELS = [m for m in tfae.models.MODELS.values() if hasattr(m, "from_shape")]
QUICK = (tfae.Autoencoder, tfae.VariationalAutoencoder)
every_model = pytest.mark.parametrize(
    "model_class",
    [m if m in QUICK else pytest.param(m, marks=pytest.mark.slow) for m in MODELS],
    ids=lambda m: m.__name__,
)

# The operators that LiteRT's accelerated kernels lack; they run everything else of every model.
NOT_ACCELERATED = {
    tfae.ConditionalVariationalAutoencoder: {"ADD", "CAST", "GATHER"},  # of the label
    tfae.SemiSupervisedAdversarialAutoencoder: {"SOFTMAX"},  # in int8
    tfae.VectorQuantizedVariationalAutoencoder: {"ARG_MIN", "GATHER"},  # of the codebook
}


def run(path, signature, **inputs):
    """Runs a signature as an app does, without this package."""
    return Interpreter(str(path)).get_signature_runner(signature)(**inputs)


def unaccelerated(report):
    return {name for part in report.signatures.values() for name in part.unaccelerated}


def types_of(path, signature):
    runner = Interpreter(str(path)).get_signature_runner(signature)
    details = [*runner.get_input_details().values(), *runner.get_output_details().values()]
    return {tensor["dtype"] for tensor in details}


@pytest.fixture(scope="session")
def trained(digits):
    """Returns a model that was trained a little on digits; one is made for each set of options."""
    made = {}

    def train(model_class=tfae.Autoencoder, **options):
        options = {"hidden_units": (24,), "seed": 7, **options}
        key = (model_class, str(sorted(options.items(), key=str)))
        if key not in made:
            keras.utils.set_random_seed(7)
            model = model_class.from_shape((8, 8, 1), 3, **options)
            # Eagerly, for a few large batches: tracing would take longer than the training.
            model.compile(keras.optimizers.Adam(2e-2), run_eagerly=True)
            x = digits[:1000]
            if model.conditional:
                x = {"x": x, "label": load_digits().target[:1000]}
            model.fit(x, epochs=4, batch_size=200, verbose=0)
            made[key] = model
        return made[key]

    return train


@pytest.fixture(scope="session")
def unseen(digits) -> np.ndarray:
    """Digits that `trained` models were not trained on."""
    return digits[1000:1300]


@pytest.fixture(scope="session")
def written(trained, unseen, tmp_path_factory):
    """Returns a model, its file and the report, measured on `unseen`; each file is made once."""
    made = {}

    def write(model_class=tfae.Autoencoder, quantize=None, allow=None, **options):
        model = trained(model_class, **options)
        key = (id(model), quantize)
        if key not in made:
            path = tmp_path_factory.mktemp("written") / "m.tflite"
            data = {"validation" if quantize is None else "calibration": unseen}
            made[key] = model, path, tflite(model, path, quantize, **data, allow=allow)
        return made[key]

    return write


# ---------------------------------------------------------------------------- what is written


@every_model
def test_a_float32_file_has_the_outputs_of_keras(model_class, written, unseen):
    model, path, report = written(model_class)
    x = unseen[:1]
    label = {"label": np.array([-1], "int32")} if model.conditional else {}
    encoding = run(path, "encode", x=x, **label)
    expected = {
        name: value.numpy() for name, value in model.encode_batch(Batch(tf.constant(x))).items()
    }
    assert set(encoding) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(encoding[name], value, rtol=1e-4, atol=1e-5)
    decoded = run(path, "decode", code=encoding["code"], **label)["x"]
    np.testing.assert_allclose(decoded, model.decode(model.encode(x)), atol=1e-5)
    reconstruction = run(path, "reconstruct", x=x, **label)["reconstruction"]
    np.testing.assert_allclose(reconstruction, model.reconstruct(x), atol=1e-5)
    assert report.relative_error < 1e-5
    assert abs(report.reconstruction_change) < 1e-5
    assert unaccelerated(report) <= NOT_ACCELERATED.get(model_class, set())


@every_model
def test_a_float32_file_has_the_scores_of_keras_if_they_have_a_formula(
    model_class, written, unseen
):
    model, path, report = written(model_class)
    if model_class is tfae.HierarchicalVariationalAutoencoder:  # its prior is a network
        assert report.score_correlation is None
        return
    label = {"label": np.full(len(unseen), -1)} if model.conditional else {}
    scores = DeviceModel(path).anomaly_score(unseen, **label)
    np.testing.assert_allclose(scores, model.anomaly_score(unseen), rtol=1e-4, atol=1e-4)
    assert report.score_correlation > 0.9999


@every_model
def test_an_int8_file_stays_within_the_bounds(model_class, written, unseen):
    allow = {}
    if model_class is tfae.VectorQuantizedVariationalAutoencoder:
        allow = {"relative_error": 0.3}  # where two embeddings are about as near
    elif model_class is tfae.SemiSupervisedAdversarialAutoencoder:
        allow = {"relative_error": 0.15}  # after so few steps its classes are hardly decided
    _, _, report = written(model_class, "int8", allow=allow)
    assert report.num_examples == len(unseen) // 5
    assert not report.random_examples
    assert abs(report.reconstruction_change) < 0.02
    assert report.score_correlation is None or report.score_correlation > 0.99
    assert unaccelerated(report) <= NOT_ACCELERATED.get(model_class, set())


@pytest.mark.slow
def test_the_file_of_a_conditional_model_takes_labels(trained, unseen, tmp_path):
    model = trained(tfae.ConditionalVariationalAutoencoder)
    label = np.arange(len(unseen)) % 10
    tflite(model, tmp_path / "m.tflite", "int8", {"x": unseen, "label": label})
    device = DeviceModel(tmp_path / "m.tflite")
    codes = model.encode({"x": unseen, "label": label})
    np.testing.assert_allclose(device.encode(unseen, label=label)["code"], codes, atol=0.15)
    decoded = device.decode(codes, label=label)
    np.testing.assert_allclose(decoded, model.decode(codes, label=label), atol=0.05)
    assert np.abs(decoded - model.decode(codes, label=(label + 1) % 10)).max() > 0.1
    with pytest.raises(ValueError, match=r"'encode' takes label, x; received x\."):
        device.encode(unseen)


@pytest.mark.slow
def test_the_solver_of_sparse_coding_runs_on_the_device_but_not_in_int8(unseen, tmp_path):
    model = tfae.SparseCoding(16, 0.1, seed=7)
    model.compile()
    model.fit(unseen, verbose=0)
    report = tflite(model, tmp_path / "m.tflite", "dynamic", unseen)
    assert "WHILE" in report.signatures["encode"].unaccelerated
    assert report.signatures["decode"].unaccelerated == ()
    with pytest.raises(ValueError, match=r"SparseCoding computes in a loop.*quantize='dynamic'"):
        tflite(model, tmp_path / "int8.tflite", "int8", unseen)
    assert [path.name for path in tmp_path.iterdir()] == ["m.tflite"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "formats"), [((8, 8, 1), ["int8"]), ((7, 5, 3), list(BOUNDS))], ids=["even", "odd"]
)
def test_all_of_a_convolutional_network_of_any_size_runs_in_accelerated_kernels(
    shape, formats, tmp_path
):
    model = tfae.Autoencoder.from_shape(shape, 3, "conv", filters=(4, 6), hidden_units=8, seed=1)
    x = np.random.default_rng(0).random((40, *shape), "float32")
    model.compile(jit_compile=False)
    model.fit(x, verbose=0)  # biases of zero would be left out
    anything = {"relative_error": 9, "reconstruction_change": 9, "score_correlation": -1}
    for quantize in formats:
        report = tflite(model, tmp_path / "m.tflite", quantize, x, allow=anything)
        assert unaccelerated(report) == set()


def test_an_operator_without_an_accelerated_kernel_is_listed(trained, unseen, tmp_path):
    model = trained(tfae.SparseAutoencoder, sparsity=tfae.layers.TopK(2))
    report = tflite(model, tmp_path / "m.tflite", validation=unseen)
    assert "TOPK_V2" in report.signatures["encode"].unaccelerated
    assert "FULLY_CONNECTED" not in report.signatures["encode"].unaccelerated
    assert report.signatures["decode"].unaccelerated == ()
    assert "TOPK_V2" in str(report)


@pytest.mark.slow
def test_smaller_types_make_smaller_files(written):
    files = {q: written(tfae.Autoencoder, q, hidden_units=(300,)) for q in BOUNDS}
    sizes = {q: report.bytes for q, (_, _, report) in files.items()}
    assert sizes == {q: path.stat().st_size for q, (_, path, _) in files.items()}
    assert sizes["float16"] < 0.6 * sizes[None]
    assert sizes["dynamic"] < 0.4 * sizes[None]
    assert sizes["int8"] < 0.5 * sizes[None]


def test_weights_that_signatures_share_are_stored_once(written):
    _, path, _ = written(tfae.Autoencoder, "int8", hidden_units=(300,))
    content = path.read_bytes()
    weights = 2 * (64 * 300 + 300 * 3)  # bytes of the kernels
    assert len(content) < 1.5 * weights  # the scales and biases of 730 channels are the rest
    model = schema.Model.GetRootAs(content, 0)
    sizes = [model.Buffers(i).DataLength() for i in range(model.BuffersLength())]
    assert sizes.count(64 * 300) >= 2


def test_int8_files_take_and_give_int8_unless_floats_are_asked_for(
    trained, written, unseen, tmp_path
):
    model = trained(tfae.VariationalAutoencoder)
    shutil.copy(written(tfae.VariationalAutoencoder, "int8")[1], tmp_path / "int8.tflite")
    tflite(model, tmp_path / "float.tflite", "int8", unseen, float_io=True)
    for signature in ("encode", "decode", "reconstruct"):
        assert types_of(tmp_path / "int8.tflite", signature) == {np.int8}
        assert types_of(tmp_path / "float.tflite", signature) == {np.float32}
    of_int8, of_float = (
        DeviceModel(tmp_path / name).reconstruct(unseen[:5])
        for name in ("int8.tflite", "float.tflite")
    )
    np.testing.assert_allclose(of_int8, of_float, atol=1 / 256)


def test_the_decoder_of_a_generative_model_is_calibrated_for_codes_from_its_prior(
    written,
):
    _, path, _ = written(tfae.VariationalAutoencoder, "int8")
    runner = Interpreter(str(path)).get_signature_runner("decode")
    scale, zero_point = runner.get_input_details()["code"]["quantization"]
    assert (127 - zero_point) * scale > 2.0
    assert (-128 - zero_point) * scale < -2.0


@pytest.mark.slow
@pytest.mark.parametrize("quantize", [None, "int8"], ids=str)
def test_a_batch_size_is_fixed_in_the_file_and_rows_are_independent_of_it(
    quantize, trained, unseen, tmp_path
):
    tflite(trained(), tmp_path / "1.tflite", quantize, unseen)
    tflite(trained(), tmp_path / "4.tflite", quantize, unseen, batch_size=4)
    runner = Interpreter(str(tmp_path / "4.tflite")).get_signature_runner("encode")
    assert runner.get_input_details()["x"]["shape"].tolist() == [4, 8, 8, 1]
    one, four = (DeviceModel(tmp_path / name) for name in ("1.tflite", "4.tflite"))
    for n in (0, 1, 4, 7):
        codes = four.encode(unseen[:n])["code"]
        assert codes.shape == (n, 3)
        np.testing.assert_allclose(codes, one.encode(unseen[:n])["code"], atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16", "float64"])
def test_a_model_of_another_precision_becomes_a_float32_file(dtype, trained, unseen, tmp_path):
    model = trained(dtype=dtype)
    report = tflite(model, tmp_path / "m.tflite", validation=unseen)
    assert report.relative_error < 1e-5
    reconstruction = run(tmp_path / "m.tflite", "reconstruct", x=unseen[:1])["reconstruction"]
    np.testing.assert_allclose(reconstruction, model.reconstruct(unseen[:1]), atol=0.02)
    assert {layer.compute_dtype for layer in model.encoder.layers} != {"float32"}  # left alone


# ---------------------------------------------------------------------------- the anomaly score


@pytest.mark.parametrize(
    "model_class",
    [pytest.param(tfae.Autoencoder, marks=pytest.mark.slow), tfae.VariationalAutoencoder],
)
@pytest.mark.parametrize(
    "likelihood",
    [
        pytest.param("gaussian", marks=pytest.mark.slow),
        "squared_error",
        tfae.losses.Gaussian("learned"),
    ],
    ids=str,
)
def test_the_score_from_the_outputs_is_that_of_keras(model_class, likelihood, written, unseen):
    model, path, _ = written(model_class, likelihood=likelihood)
    scores = DeviceModel(path).anomaly_score(unseen)
    assert scores.shape == (len(unseen),)
    np.testing.assert_allclose(scores, model.anomaly_score(unseen), rtol=1e-4, atol=1e-4)


class Cauchy(tfae.losses.Likelihood):
    def elementwise_loss(self, target, output):
        return tf.math.log1p(tf.square(target - output))

    def mean(self, output):
        return tf.identity(output)


class LargestError(tfae.Autoencoder):
    def anomaly_score_batch(self, batch):
        return tf.reduce_max(tf.abs(batch.x - self.reconstruct_batch(batch)), axis=[1, 2, 3])


@pytest.mark.parametrize(
    ("model_class", "likelihood"), [(tfae.Autoencoder, Cauchy()), (LargestError, "bernoulli")]
)
def test_a_score_without_a_formula_is_left_out_and_not_replaced_by_another(
    model_class, likelihood, written, unseen
):
    _, path, report = written(model_class, likelihood=likelihood)
    device = DeviceModel(path)
    assert report.score_correlation is None
    assert device.metadata["score"] is None
    with pytest.raises(ValueError, match="has no formula"):
        device.anomaly_score(unseen)


# ---------------------------------------------------------------------------- metadata


def test_the_file_contains_what_an_app_needs(trained, unseen, tmp_path):
    model = trained(tfae.VariationalAutoencoder, likelihood=tfae.losses.Gaussian(0.5))
    tflite(model, tmp_path / "m.tflite", "int8", unseen, labels=["zero", "one"])
    assert read_metadata((tmp_path / "m.tflite").read_bytes()) == {
        "model": "VariationalAutoencoder",
        "input_shape": [8, 8, 1],
        "latent_dim": 3,
        "batch_size": 1,
        "quantize": "int8",
        "support": None,
        "missing": None,
        "num_classes": None,
        "data_range": [0.0, 1.0],  # as seen; a Gaussian takes all numbers
        "score": [{"term": "gaussian", "scale": 0.5}, {"term": "gaussian_kl"}],
        "threshold": None,
        "false_positive_rate": None,
        "labels": ["zero", "one"],
        "schema": None,
    }


def test_the_threshold_of_the_model_decides_on_the_device(trained, unseen, tmp_path):
    model = trained(likelihood="squared_error")
    model.fit_threshold(unseen, false_positive_rate=0.1)
    report = tflite(model, tmp_path / "m.tflite", validation=unseen)
    device = DeviceModel(tmp_path / "m.tflite")
    anomalous = device.is_anomaly(unseen)
    assert anomalous.mean() == pytest.approx(0.1, abs=0.01)
    assert device.metadata["false_positive_rate"] == 0.1
    assert report.decisions_changed <= 1 / len(unseen)
    clear = abs(model.anomaly_score(unseen) - model.threshold) > 1e-3  # the threshold is a score
    np.testing.assert_array_equal(anomalous[clear], model.is_anomaly(unseen)[clear])


@pytest.fixture(scope="module")
def files(trained, unseen, tmp_path_factory):
    """Files of a Bernoulli model with classes and a threshold: float32 and int8."""
    model = trained(tfae.ConditionalVariationalAutoencoder)
    model.fit_threshold(unseen, false_positive_rate=0.1)
    folder = tmp_path_factory.mktemp("files")
    for quantize in (None, "int8"):
        tflite(model, folder / f"{quantize}.tflite", quantize, unseen, batch_size=4)
    return model, {q: DeviceModel(folder / f"{q}.tflite") for q in (None, "int8")}


@pytest.mark.parametrize("quantize", [None, "int8"], ids=str)
@pytest.mark.parametrize("value", [-0.1, 1.1, 255, np.nan, np.inf, -np.inf])
def test_a_row_outside_the_support_is_infinitely_anomalous(files, unseen, quantize, value):
    device = files[1][quantize]
    x, label = unseen[:9].copy(), np.full(9, -1)
    before = device.anomaly_score(x, label=label)
    x[3, 2, 2] = value
    scores = device.anomaly_score(x, label=label)
    np.testing.assert_array_equal(np.delete(scores, 3), np.delete(before, 3))
    assert scores[3] == np.inf
    decisions = device.is_anomaly(x, label=label)
    np.testing.assert_array_equal(decisions, ~(scores <= device.metadata["threshold"]))
    assert decisions[3]
    for method in (device.encode, device.reconstruct):
        with pytest.raises(ValueError, match=r"`x` must hold numbers in \[0, 1\]; received"):
            method(x, label=label)


def test_the_device_refuses_what_a_signature_cannot_take(files, unseen):
    device = files[1][None]
    x = unseen[:2]
    with pytest.raises(ValueError, match="`code` must hold finite numbers"):
        device.decode(np.full((2, 3), np.nan), label=np.array([0, 1]))
    for label in ([0, 10], [-2, 0], [0.0, 1.0]):
        with pytest.raises(ValueError, match="`label` must hold integers from -1 to 9; received"):
            device.encode(x, label=np.array(label))
    with pytest.raises(ValueError, match=r"same number of rows; received \{.*'label': 3"):
        device.encode(x, label=np.array([0, 1, 2]))
    with pytest.raises(ValueError, match=r"`x` must have shape \(n, 8, 8, 1\); received \(2, 64\)"):
        device.anomaly_score(x.reshape(2, 64), label=np.array([0, 1]))
    assert device.anomaly_score(x[:0], label=np.array([], int)).shape == (0,)


def test_without_a_threshold_there_is_no_decision(written, unseen):
    with pytest.raises(ValueError, match="The file has no threshold"):
        DeviceModel(written()[1]).is_anomaly(unseen)


def test_a_file_that_this_package_did_not_write_is_refused_with_a_reason(files, tmp_path):
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [tf.function(lambda x: x + 1.0).get_concrete_function(tf.TensorSpec([1]))]
    )
    with pytest.raises(ValueError, match="no metadata from tfae"):
        DeviceModel(converter.convert())
    for content in (b"", b"no model", b"PK\3\4" + bytes(100)):
        with pytest.raises(ValueError, match=r"not a .tflite file"):
            DeviceModel(content)


def test_a_file_cut_short_or_overwritten_is_refused_with_a_reason(written):
    content = written()[1].read_bytes()
    damaged = [content[:n] for n in range(8, len(content) - 1, len(content) // 40)]
    damaged += [content[:8] + bytes([byte]) * 200 + content[208:] for byte in (0, 7, 255)]
    for part in damaged:
        with pytest.raises(ValueError, match=r"damaged|no metadata|cannot run|is not a"):
            DeviceModel(part)


def test_a_scale_learned_on_two_replicas_is_exported(two_replicas, digits, tmp_path):
    with two_replicas.scope():
        model = tfae.Autoencoder.from_shape(
            (8, 8, 1), 3, hidden_units=(8,), likelihood=tfae.losses.Gaussian("learned"), seed=0
        )
        model.likelihood.log_scale.assign(0.5)
    tflite(model, tmp_path / "m.tflite", validation=digits[:40])
    device = DeviceModel(tmp_path / "m.tflite")
    assert device.metadata["score"] == [{"term": "gaussian", "scale": pytest.approx(np.exp(0.5))}]
    expected = model.anomaly_score(digits[:40])
    np.testing.assert_allclose(device.anomaly_score(digits[:40]), expected, rtol=1e-5)


# ---------------------------------------------------------------------------- the report


def test_examples_may_be_arrays_or_datasets_with_or_without_labels(trained, unseen):
    def taken(data):
        return examples.checked(trained(), "calibration", data, at_least=1)["x"]

    labelled = {"x": unseen, "label": np.zeros(len(unseen), "int64")}
    np.testing.assert_array_equal(taken(unseen), unseen)
    for data, batch_size in ((unseen, 64), (labelled, 7)):
        dataset = tf.data.Dataset.from_tensor_slices(data).batch(batch_size)
        np.testing.assert_array_equal(taken(dataset), unseen)
    endless = tf.data.Dataset.from_tensor_slices(unseen).repeat().batch(64)
    assert len(taken(endless)) == examples.MOST_EXAMPLES == 1000
    of_array = {"x": np.arange(10)}
    calibration, validation = examples.split(of_array, at_least=1)
    assert validation["x"].tolist() == [4, 9]  # every fifth
    assert sorted([*calibration["x"], *validation["x"]]) == of_array["x"].tolist()


def test_validation_data_replaces_held_out_calibration_data(trained, unseen, tmp_path):
    report = tflite(trained(), tmp_path / "m.tflite", "int8", unseen[:200], validation=unseen[200:])
    assert report.num_examples == 100


def test_without_data_only_errors_on_random_examples_are_reported(trained, tmp_path):
    report = tflite(trained(), tmp_path / "m.tflite", "float16")
    assert report.random_examples
    assert 0 < report.relative_error < 0.01
    assert report.reconstruction_change is None
    assert report.score_correlation is None
    assert "random examples" in str(report)


def test_the_report_prints_its_numbers(written):
    _, _, report = written(tfae.Autoencoder, "int8")
    text = str(report)
    for words in ("encode", "decode", "reconstruct", "int8", "60 held-out examples", "fully"):
        assert words in text
    for signature in report.signatures.values():
        assert 0 < signature.rms_error < signature.max_error
        assert signature.microseconds > 0
        assert sum(signature.operators.values()) >= 2


# ---------------------------------------------------------------------------- refusals


def assert_nothing_written(folder: Path):
    assert list(folder.iterdir()) == []


def test_a_file_too_far_from_its_model_is_refused_with_its_numbers(trained, unseen, tmp_path):
    faint = unseen * 0.05  # the ranges of these images are not those of the validation data
    options = {"calibration": faint, "validation": unseen}
    with pytest.raises(QuantizationError, match=r"reconstruction_change is .* bound 0\.02") as info:
        tflite(trained(), tmp_path / "m.tflite", "int8", **options)
    assert_nothing_written(tmp_path)
    measured = info.value.report
    assert abs(measured.reconstruction_change) > 0.02
    anything = {"relative_error": 9, "reconstruction_change": 9, "score_correlation": -1}
    report = tflite(trained(), tmp_path / "m.tflite", "int8", **options, allow=anything)
    assert report.reconstruction_change == measured.reconstruction_change
    assert (tmp_path / "m.tflite").stat().st_size == report.bytes


def test_a_refused_file_does_not_replace_the_one_before(trained, unseen, tmp_path):
    path = tmp_path / "m.tflite"
    path.write_bytes(b"before")
    with pytest.raises(QuantizationError, match="relative_error"):
        tflite(trained(), path, "int8", unseen, allow={"relative_error": 1e-9})
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"quantize": "int8"}, "needs `calibration`"),
        ({"quantize": "int4"}, r"`quantize` must be one of None, .*received 'int4'"),
        ({"batch_size": 0}, "`batch_size` must be an integer of at least 1"),
        ({"allow": {"size": 3}}, "`allow` may have relative_error.*received size"),
    ],
)
def test_bad_options_are_named(options, message, trained, tmp_path):
    with pytest.raises(ValueError, match=message):
        tflite(trained(), tmp_path / "m.tflite", **options)
    assert_nothing_written(tmp_path)


@pytest.mark.parametrize("name", ["calibration", "validation"])
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda x: x[..., 0], r"must have shape \(n, 8, 8, 1\)"),
        (lambda x: 255 * x, r"must lie in \[0, 1\]"),
        (lambda x: np.where(x > 0.9, np.nan, x), "NaN"),
        (lambda x: x[:0], "at least 1 examples; received 0"),
        (lambda x: tf.data.Dataset.from_tensor_slices(x), "must be batched"),
        (lambda x: tf.data.Dataset.from_tensor_slices(255 * x).batch(9), r"lie in \[0, 1\]"),
        (lambda x: tf.data.Dataset.from_tensor_slices(x).batch(9).take(0), "received 0"),
    ],
    ids=["shape", "range", "NaN", "empty", "unbatched", "range of a dataset", "empty dataset"],
)
def test_bad_examples_are_named(name, spoil, message, trained, unseen, tmp_path):
    examples = {"calibration": unseen, name: spoil(unseen)}
    with pytest.raises(ValueError, match=f"`{name}`.*{message}"):
        tflite(trained(), tmp_path / "m.tflite", "int8", **examples)
    assert_nothing_written(tmp_path)


def test_fewer_examples_than_a_batch_are_refused(trained, unseen, tmp_path):
    with pytest.raises(ValueError, match="`calibration` needs at least 8 examples; received 5"):
        tflite(trained(), tmp_path / "m.tflite", "int8", unseen[:5], batch_size=8)
    assert_nothing_written(tmp_path)


class NoInput(keras.Model):
    def __init__(self):
        super().__init__()
        self.layer = keras.layers.Dense(2)

    def call(self, x):
        return self.layer(keras.ops.reshape(x, (-1, 64)))


def test_an_unbuilt_model_is_refused(trained, tmp_path):
    model = tfae.Autoencoder(NoInput(), trained().decoder)
    with pytest.raises(ValueError, match="Autoencoder, is not built yet"):
        tflite(model, tmp_path / "m.tflite")
    assert_nothing_written(tmp_path)


def test_a_model_of_free_shape_is_refused(tmp_path):
    x = keras.Input((None, None, 1))
    encoder = keras.Model(x, keras.layers.GlobalAveragePooling2D()(x))
    code = keras.Input((1,))
    flat = keras.layers.Dense(64)(code)
    model = tfae.Autoencoder(encoder, keras.Model(code, keras.layers.Reshape((8, 8, 1))(flat)))
    with pytest.raises(ValueError, match=r"fixed shapes.*\(None, None, 1\)"):
        tflite(model, tmp_path / "m.tflite")


def test_a_keras_model_is_refused(trained, tmp_path):
    with pytest.raises(ValueError, match="must be an autoencoder of tfae; received a"):
        tflite(trained().encoder, tmp_path / "m.tflite")


class Spectrum(keras.layers.Layer):
    def call(self, x):
        return tf.abs(tf.signal.fft2d(tf.cast(x[..., 0], tf.complex64)))[..., None]


class InASubclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.parts = [Spectrum(name="my_spectrum"), keras.layers.Flatten(), keras.layers.Dense(3)]

    def call(self, x):
        for part in self.parts:
            x = part(x)
        return x


@pytest.mark.parametrize("quantize", [None, "int8"], ids=str)
@pytest.mark.parametrize("subclass", [False, True])
def test_a_layer_that_does_not_convert_is_named(quantize, subclass, trained, unseen, tmp_path):
    network = InASubclass()
    if not subclass:
        network = keras.Sequential([keras.Input((8, 8, 1)), *network.parts])
    model = tfae.Autoencoder(network, trained().decoder)
    model(unseen)
    with pytest.raises(ValueError, match=r"^Layer 'my_spectrum' does not convert.*tf\.FFT2D"):
        tflite(model, tmp_path / "m.tflite", quantize, unseen)
    assert_nothing_written(tmp_path)


@pytest.mark.parametrize("folder", ["a file/folder", "/proc"])
def test_a_folder_that_cannot_be_written_is_refused_before_converting(
    folder, trained, tmp_path, monkeypatch
):
    def convert(*args):
        raise AssertionError("converted first")

    monkeypatch.setattr(sys.modules["tfae.export.tflite"], "convert", convert)
    (tmp_path / "a file").touch()
    path = tmp_path / folder / "m.tflite"
    with pytest.raises(OSError, match=f"cannot write {path}"):
        tflite(trained(), path)


def test_a_full_disk_leaves_no_files(trained, tmp_path, monkeypatch):
    def full(path, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "m.tflite"
    path.write_bytes(b"before")
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match=r"cannot write .*m\.tflite: No space left on device"):
        tflite(trained(), path)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_without_litert_the_error_says_what_to_install(trained, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'keras-autoencoders\[device\]'"):
        tflite(trained(), tmp_path / "m.tflite")
    assert_nothing_written(tmp_path)
