"""A SavedModel gives the answers of its model, on stock TensorFlow alone."""

import json
import os
import resource
import shutil
import tempfile
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

import tfae
from tfae.batches.batch import Batch
from tfae.classifier import Classifier
from tfae.export import saved_model
from tfae.internals import graph_of_saved_model

AUTOENCODERS = list(tfae.models.MODELS.values())

QUICK = (tfae.VariationalAutoencoder, tfae.ConditionalVariationalAutoencoder)
AT_LENGTH = [m if m in QUICK else pytest.param(m, marks=pytest.mark.slow) for m in AUTOENCODERS]

every_autoencoder = pytest.mark.parametrize("model_class", AT_LENGTH, ids=lambda m: m.__name__)
every_model = pytest.mark.parametrize(
    "model_class", [*AT_LENGTH, Classifier], ids=lambda m: m.__name__
)


def loaded(directory, version=1):
    """Returns the signatures as functions that take and return arrays."""
    model = tf.saved_model.load(str(directory / str(version)))

    def function(signature):
        def call(**inputs):
            outputs = signature(**{k: tf.constant(v) for k, v in inputs.items()})
            return {k: v.numpy() for k, v in outputs.items()}

        call.model, call.signature = model, signature  # the model keeps the variables alive
        return call

    return {name: function(signature) for name, signature in model.signatures.items()}


def takes_label(function):
    return "label" in function.signature.structured_input_signature[1]


def assert_close(given, expected):
    np.testing.assert_allclose(given, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


# ---------------------------------------------------------------------------- answers


@every_autoencoder
def test_signatures_answer_what_the_model_answers(model_class, exported, few_digits):
    model, directory = exported(model_class)
    ask = loaded(directory)
    label = {"label": np.arange(len(few_digits)) % 2} if takes_label(ask["encode"]) else {}
    data = {"x": few_digits, **label} if label else few_digits
    codes = model.encode(data)
    assert_close(ask["encode"](x=few_digits, **label)["code"], codes)
    assert_close(ask["decode"](code=codes, **label)["x"], model.decode(codes, **label))
    for name in ("reconstruct", "serving_default"):
        reconstruction = ask[name](x=few_digits, **label)["reconstruction"]
        assert_close(reconstruction, model.reconstruct(data))
    assert_close(ask["score"](x=few_digits, **label)["anomaly_score"], model.anomaly_score(data))


def test_a_variational_encoder_returns_the_log_variance_too(exported, few_digits):
    model, directory = exported(tfae.VariationalAutoencoder)
    expected = model.encoder(few_digits)[1]
    assert_close(loaded(directory)["encode"](x=few_digits)["log_variance"], expected)


@every_autoencoder
def test_a_generated_row_is_a_function_of_its_own_seed(model_class, exported):
    model, directory = exported(model_class)
    ask = loaded(directory)
    assert ("generate" in ask) == (model.prior is not None)
    if model.prior is None:
        return
    seeds = [5, 2**40, -3, 5]
    label = {"label": 1} if takes_label(ask["generate"]) else {}
    labels = {name: np.full(len(seeds), value) for name, value in label.items()}
    rows = ask["generate"](seed=np.array(seeds), **labels)["x"]
    for row, seed in zip(rows, seeds, strict=True):
        assert_close(row, model.generate(1, seed=seed, **label)[0])
    np.testing.assert_array_equal(rows[0], rows[3])


def test_a_classifier_returns_scores_and_classes(exported, few_digits):
    model, directory = exported(Classifier)
    ask = loaded(directory)
    assert set(ask) == {"serving_default", "classify", "encode"}
    answer = ask["classify"](x=few_digits)
    assert_close(answer["scores"], model.predict(few_digits, verbose=0))
    np.testing.assert_array_equal(answer["class"], model.predict_classes(few_digits))
    assert_close(ask["encode"](x=few_digits)["code"], model.encode_batch(Batch(few_digits))["code"])


def test_8_bit_images_are_scaled_in_the_graph(make_model, tmp_path, few_digits):
    model = make_model(tfae.VariationalAutoencoder)
    saved_model(model, tmp_path / "digits", uint8=True)
    ask = loaded(tmp_path / "digits")
    images = np.random.default_rng(0).integers(0, 256, (9, 8, 8, 1), "uint8")
    scaled = images.astype("float32") / 255
    assert_close(ask["score"](x=images)["anomaly_score"], model.anomaly_score(scaled))
    assert_close(ask["encode"](x=images)["code"], model.encode(scaled))


@pytest.mark.parametrize(
    "policy",
    ["mixed_float16", pytest.param("mixed_bfloat16", marks=pytest.mark.slow), "float64"],
)
def test_numbers_on_the_wire_are_never_in_half_precision(make_model, tmp_path, policy):
    model = make_model(tfae.VariationalAutoencoder, dtype=policy)
    saved_model(model, tmp_path / "digits")
    expected = np.float64 if policy == "float64" else np.float32
    x = np.full((2, 8, 8, 1), 0.5, expected)
    ask = loaded(tmp_path / "digits")
    reconstruction = ask["reconstruct"](x=x)["reconstruction"]
    assert reconstruction.dtype == expected
    np.testing.assert_array_equal(reconstruction, model.reconstruct(x).astype(expected))
    assert "float16" not in str([v.dtype for f in ask.values() for v in f.signature.outputs])


def test_images_of_any_size_are_accepted_if_the_network_accepts_them(tmp_path):
    x = keras.Input((None, None, 1))
    code = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(x))
    classifier = Classifier(keras.Model(x, code), num_classes=3)
    saved_model(classifier, tmp_path / "sizes")
    ask = loaded(tmp_path / "sizes")
    for shape in ((2, 8, 8, 1), (3, 17, 9, 1)):
        images = np.ones(shape, "float32")
        assert_close(ask["classify"](x=images)["scores"], classifier(images))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model_class", "policy"),
    [
        (tfae.VariationalAutoencoder, "float64"),
        (tfae.VariationalAutoencoder, "mixed_float16"),
        (tfae.ConditionalVariationalAutoencoder, "float32"),
    ],
)
def test_a_fitted_threshold_adds_a_decision_to_the_score(
    model_class, policy, make_model, conformance, digits, tmp_path
):
    model = make_model(model_class, dtype=policy)
    x = digits[:400].astype("float64" if policy == "float64" else "float32")
    label = {"label": np.arange(len(x)) % 2} if model.conditional else {}
    threshold = model.fit_threshold({"x": x, **label} if label else x, 0.1)
    saved_model(model, tmp_path / "m")
    score = loaded(tmp_path / "m")["score"]
    answer = score(x=x, **label)
    assert set(answer) == {"anomaly_score", "is_anomaly"}
    assert answer["is_anomaly"].dtype == bool
    np.testing.assert_array_equal(answer["is_anomaly"], answer["anomaly_score"] > threshold)
    assert 0.05 < answer["is_anomaly"].mean() < 0.15
    assert score(x=x[:0], **{k: v[:0] for k, v in label.items()})["is_anomaly"].shape == (0,)
    nothing = score(x=np.full_like(x[:1], np.nan), **{k: v[:1] for k, v in label.items()})
    assert nothing["is_anomaly"].all()
    result = conformance(tmp_path / "m")
    assert result.returncode == 0, result.stderr


def test_without_a_threshold_only_the_score_is_returned(exported):
    _, directory = exported(tfae.Autoencoder)
    assert set(loaded(directory)["score"].signature.structured_outputs) == {"anomaly_score"}


# ---------------------------------------------------------------------------- the stock runtime


@every_model
def test_it_runs_on_the_c_api_without_python_or_libraries_of_ours(
    model_class, exported, conformance
):
    _, directory = exported(model_class)
    result = conformance(directory)
    assert result.returncode == 0, result.stderr
    assert result.stdout.endswith("passed\n")


@pytest.mark.slow
def test_convolutions_and_8_bit_images_run_there_too(conformance, tmp_path):
    model = tfae.VariationalAutoencoder.from_shape((8, 8, 1), 3, "conv", filters=(4, 8))
    saved_model(model, tmp_path / "m", uint8=True)
    result = conformance(tmp_path / "m")
    assert result.returncode == 0, result.stderr


def test_the_highest_version_is_the_one_that_is_served(make_model, conformance, tmp_path):
    model = make_model(tfae.Autoencoder)
    for version in (2, 10):
        assert saved_model(model, tmp_path / "m", version) == tmp_path / "m" / str(version)
    assert str(tmp_path / "m" / "10") in conformance(tmp_path / "m").stdout


def test_the_conformance_program_refuses_a_model_with_another_contract(conformance, tmp_path):
    module = tf.Module()
    module.f = tf.function(lambda x: {"y": x}, [tf.TensorSpec([1, 4], name="x")])
    tf.saved_model.save(module, str(tmp_path / "1"), signatures={"reconstruct": module.f})
    result = conformance(tmp_path)
    assert result.returncode == 1
    assert "FAILED: there is no signature" in result.stderr


def test_the_conformance_program_refuses_a_recorded_answer_that_is_wrong(
    exported, conformance, tmp_path
):
    _, directory = exported(tfae.Autoencoder)
    shutil.copytree(directory, tmp_path / "m")
    file = tmp_path / "m" / "1" / "assets.extra" / "tf_serving_warmup_requests"
    logs = read_warm_up(file)
    (code,) = [log for log in logs if log.request.model_spec.signature_name == "encode"][:1]
    wrong = tf.make_ndarray(code.response.outputs["code"]) * 1.0001
    code.response.outputs["code"].CopyFrom(tf.make_tensor_proto(wrong))
    with tf.io.TFRecordWriter(str(file)) as writer:
        for log in logs:
            writer.write(PredictionLog(predict_log=log).SerializeToString())
    assert "FAILED: warm-up: encode/code" in conformance(tmp_path / "m").stderr


def test_stock_tensorflow_refuses_a_graph_with_the_op_which_is_why_it_is_never_exported(
    conformance, tmp_path
):
    module = tf.Module()
    module.f = tf.function(
        lambda x: {"reconstruction": tfae.ops.gaussian_sample_kl(x, x, tf.constant([1, 2]))[0]},
        [tf.TensorSpec([None, 4], name="x")],
    )
    tf.saved_model.save(module, str(tmp_path / "1"), signatures={"reconstruct": module.f})
    result = conformance(tmp_path)
    assert result.returncode == 1
    assert "Op type not registered 'Tfae>GaussianSampleKl'" in result.stderr


@pytest.mark.parametrize("architecture", ["mlp", pytest.param("conv", marks=pytest.mark.slow)])
def test_weights_are_stored_once(architecture, tmp_path):
    model = tfae.VariationalAutoencoder.from_shape((28, 28, 1), 16, architecture=architecture)
    model.compile(run_eagerly=True)
    model.train_on_batch(np.zeros((2, 28, 28, 1), "float32"))  # so that the optimizer has slots
    folder = saved_model(model, tmp_path / "m")
    weights = sum(
        w.size * 4 for network in (model.encoder, model.decoder) for w in weights_of(network)
    )
    variables = size(folder / "variables")
    assert weights < variables < 1.01 * weights
    assert variables + (folder / "saved_model.pb").stat().st_size < 1.1 * weights


def weights_of(network):
    return [np.asarray(w) for w in network.weights]


def size(folder):
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


# ---------------------------------------------------------------------------- requests beside it


def read_warm_up(file):
    records = tf.data.TFRecordDataset(str(file)).as_numpy_iterator()
    return [PredictionLog.FromString(record).predict_log for record in records]


# The conformance program checks both for every model, too.


def test_the_warm_up_calls_every_signature_with_one_row_and_with_several(
    model_class_at_length, exported
):
    _, directory = exported(model_class_at_length)
    ask = loaded(directory)
    logs = read_warm_up(directory / "1" / "assets.extra" / "tf_serving_warmup_requests")
    asked = set()
    for log in logs:
        spec = log.request.model_spec
        assert spec.name == directory.name
        inputs = {k: tf.make_ndarray(v) for k, v in log.request.inputs.items()}
        asked.add((spec.signature_name, len(next(iter(inputs.values())))))
        for name, given in ask[spec.signature_name](**inputs).items():
            assert_close(given, tf.make_ndarray(log.response.outputs[name]))
    assert asked == {(name, rows) for name in ask if name != "serving_default" for rows in (1, 4)}


def test_rest_examples_contain_the_answers_of_the_model(model_class_at_length, exported):
    _, directory = exported(model_class_at_length)
    ask = loaded(directory)
    model = tf.saved_model.load(str(directory / "1"))
    examples = directory / "1" / "assets.extra" / "examples"
    names = {name for name in ask if name != "serving_default"}
    assert {f.name.split(".")[0] for f in examples.iterdir()} == names
    for name in names:
        body = json.loads((examples / f"{name}.json").read_text())
        specs = model.signatures[name].structured_input_signature[1]
        inputs = {k: np.array(v, specs[k].dtype.as_numpy_dtype) for k, v in body["inputs"].items()}
        outputs = ask[body["signature_name"]](**inputs)
        expected = json.loads((examples / f"{name}.answer.json").read_text())["outputs"]
        if len(outputs) == 1:
            expected = dict.fromkeys(outputs, expected)
        for output, array in outputs.items():
            assert_close(array, np.array(expected[output]))


# ---------------------------------------------------------------------------- refusals


@pytest.fixture
def nothing_is_written(tmp_path):
    """Checks after the test that its folder is empty: no half-written, no hidden file."""
    yield
    assert not list(tmp_path.iterdir())


def test_a_version_that_exists_is_refused_and_left_as_it_is(make_model, tmp_path):
    model = make_model(tfae.Autoencoder)
    saved_model(model, tmp_path / "m", 3)
    before = {f: f.stat().st_mtime_ns for f in (tmp_path / "m").rglob("*")}
    with pytest.raises(ValueError, match=r"m/3 exists already"):
        saved_model(model, tmp_path / "m", 3)
    assert {f: f.stat().st_mtime_ns for f in (tmp_path / "m").rglob("*")} == before


def test_another_version_keeps_what_an_operator_has_changed(make_model, tmp_path):
    model = make_model(tfae.Autoencoder)
    saved_model(model, tmp_path / "m", 1)
    (tmp_path / "m" / "serving" / "models.config").write_text("mine")
    saved_model(model, tmp_path / "m", 2)
    assert (tmp_path / "m" / "serving" / "models.config").read_text() == "mine"
    assert {f.name for f in (tmp_path / "m").iterdir()} == {"1", "2", "serving"}


@pytest.mark.usefixtures("nothing_is_written")
@pytest.mark.parametrize("version", [0, -1, 1.0, "1", True, None])
def test_versions_are_positive_whole_numbers(make_model, tmp_path, version):
    with pytest.raises(ValueError, match="`version` must be an integer of at least 1; received"):
        saved_model(make_model(tfae.Autoencoder), tmp_path / "m", version)


@pytest.mark.usefixtures("nothing_is_written")
def test_a_name_that_no_server_accepts_is_refused(make_model, tmp_path):
    with pytest.raises(ValueError, match=r"of letters, digits.*received 'my model'"):
        saved_model(make_model(tfae.Autoencoder), tmp_path / "my model")


@pytest.mark.usefixtures("nothing_is_written")
def test_a_model_that_is_not_built_is_refused(tmp_path):
    networks = [keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(n)]) for n in (3, 64)]
    with pytest.raises(ValueError, match="Autoencoder, is not built yet: fit it"):
        saved_model(tfae.Autoencoder(*networks), tmp_path / "m")
    with pytest.raises(ValueError, match="one of tfae's models; received a Sequential"):
        saved_model(networks[0], tmp_path / "m")


class Python(keras.layers.Layer):
    def call(self, x):
        return tf.ensure_shape(tf.py_function(lambda x: x, [x], tf.float32), x.shape)


class Custom(keras.layers.Layer):
    def call(self, x):
        return tfae.ops.gaussian_sample_kl(x, x, tf.constant([1, 2]))[0]


class Compiled(keras.layers.Layer):
    def call(self, x):
        return tf.function(lambda x: x + 1, jit_compile=True)(x)


class OneBatchSize(keras.layers.Layer):
    def call(self, x):
        return tf.reshape(x, [-1, 3])[:1]


class Broken(keras.layers.Layer):
    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape)

    def call(self, x):
        return x.numpy()


@pytest.mark.usefixtures("nothing_is_written")
@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Python, r"EagerPyFunc in .*my_layer"),
        (Custom, r"Tfae>GaussianSampleKl in .*my_layer"),
        (Compiled, r"jit_compile=True in "),
        (OneBatchSize, r"'reconstruct' gives 'reconstruction' of shape \(1, 8, 8, 1\) for a batch"),
        (Broken, r"calling Broken\.call\(\)"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_layer_that_needs_more_than_a_stock_server_is_named(layer, message, tmp_path):
    x = keras.Input((8, 8, 1))
    code = layer(name="my_layer")(keras.layers.Dense(3)(keras.layers.Flatten()(x)))
    code_input = keras.Input((3,))
    output = keras.layers.Reshape((8, 8, 1))(keras.layers.Dense(64)(code_input))
    model = tfae.Autoencoder(keras.Model(x, code), keras.Model(code_input, output))
    with pytest.raises(ValueError, match=f"(?s)cannot be exported.*{message}"):
        saved_model(model, tmp_path / "m")


def test_only_stock_ops_are_in_the_graph(exported):
    _, directory = exported(tfae.VariationalAutoencoder)
    graph = graph_of_saved_model(directory / "1")
    ops = {node.op for f in graph.library.function for node in f.node_def}
    assert "MatMul" in ops
    assert not [op for op in ops if "Tfae" in op]


@pytest.mark.usefixtures("nothing_is_written")
@pytest.mark.parametrize(
    "limit",
    [*(pytest.param(n, marks=pytest.mark.slow) for n in (100, 20_000)), 3_000],
    ids="{} bytes".format,
)
def test_a_full_disk_leaves_no_files(make_model, tmp_path, limit):
    model = make_model(tfae.Autoencoder)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))  # no file grows beyond
    try:
        with pytest.raises(OSError, match=r"cannot write .*/m/"):
            saved_model(model, tmp_path / "m")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("folder", [".", "new/deeper"])
def test_a_folder_that_cannot_be_written_stays_as_it_is(make_model, folder):
    model = make_model(tfae.Autoencoder)
    with tempfile.TemporaryDirectory() as parent:
        os.chmod(parent, 0o555)
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)  # to root nothing is read-only
        try:
            with pytest.raises(PermissionError, match=r"cannot write .*Permission denied"):
                saved_model(model, Path(parent, folder, "m"))
        finally:
            os.seteuid(user)
        assert not os.listdir(parent)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model_class", "options"),
    [
        (tfae.Autoencoder, {}),
        (
            tfae.VectorQuantizedVariationalAutoencoder,
            {"architecture": "conv", "hidden_units": None, "filters": (4, 8), "num_embeddings": 9},
        ),
    ],
    ids=["continuous codes", "a grid of discrete codes"],
)
def test_a_fitted_prior_is_exported_with_the_model(
    model_class, options, make_model, few_digits, conformance, tmp_path
):
    model = make_model(model_class, **options)
    model.fit_prior(few_digits, seed=0)
    folder = saved_model(model, tmp_path / "m", 1)
    result = conformance(tmp_path / "m")
    assert result.returncode == 0, result.stderr
    generate = tf.saved_model.load(str(folder)).signatures["generate"]
    rows = generate(seed=tf.constant([3, 5], tf.int64))["x"].numpy()
    for row, seed in zip(rows, (3, 5), strict=True):
        np.testing.assert_allclose(row, model.generate(1, seed=seed)[0], rtol=1e-5, atol=1e-6)


# ---------------------------------------------------------------------------- invalid data


@pytest.fixture(scope="module")
def with_threshold(few_digits, tmp_path_factory):
    """A model with classes and a threshold, and its signatures for tensors of any shape."""
    model = tfae.ConditionalVariationalAutoencoder.from_shape(
        (8, 8, 1), 3, hidden_units=(8,), num_classes=3, seed=0
    )
    model.fit_threshold(few_digits, 0.1)
    signatures = loaded(saved_model(model, tmp_path_factory.mktemp("threshold") / "m").parent)

    def of_any_shape(signature):
        types = [tf.TensorSpec(None, t) for t in (tf.float32, tf.int64)]
        function = signature.signature
        return tf.function(lambda x, label: function(x=x, label=label), types, autograph=False)

    kept = signatures  # with the variables of the graphs
    return model, {n: of_any_shape(kept[n]) for n in ("encode", "score")}, kept


@pytest.mark.parametrize("value", [-0.1, 1.1, 255, np.nan, np.inf, -np.inf])
def test_a_row_outside_the_support_is_infinitely_anomalous(with_threshold, few_digits, value):
    model, ask, _ = with_threshold
    x, label = few_digits[:9].copy(), np.full(9, -1)
    x[3, 2, 2] = value
    answer = {name: output.numpy() for name, output in ask["score"](x, label).items()}
    expected = model.anomaly_score(few_digits[:9])
    expected[3] = np.inf
    np.testing.assert_allclose(answer["anomaly_score"], expected, rtol=1e-5)
    decided = ~(answer["anomaly_score"] <= np.float32(model.threshold))
    np.testing.assert_array_equal(answer["is_anomaly"], decided)
    assert answer["is_anomaly"][3]


@pytest.mark.parametrize("signature", ["encode", "score"])
@pytest.mark.parametrize(
    ("x", "label", "message"),
    [
        ((2, 8, 8), (2,), r"Shape of tensor x \[2,8,8\] .*expected shape \[\?,8,8,1\]"),
        ((2, 64), (2,), r"Shape of tensor x \[2,64\] .*expected shape \[\?,8,8,1\]"),
        ((8, 8, 1), (2,), r"Shape of tensor x \[8,8,1\] .*expected shape \[\?,8,8,1\]"),
        ((2, 8, 8, 1), (2, 1), r"Shape of tensor label \[2,1\] .*expected shape \[\?\]"),
        ((2, 8, 8, 1), (), r"Shape of tensor label \[\] .*expected shape \[\?\]"),
        ((2, 8, 8, 1), (1,), "`x` and `label` must have the same number of rows"),
    ],
)
def test_every_shape_is_asserted_in_the_graph(with_threshold, signature, x, label, message):
    _, ask, _ = with_threshold
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        ask[signature](tf.zeros(x), tf.zeros(label, tf.int64))


@pytest.mark.parametrize("label", [-2, 3])
def test_a_label_that_is_not_a_class_is_refused_in_the_graph(with_threshold, few_digits, label):
    _, ask, _ = with_threshold
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"`label` must lie from -1 .* to 2\."):
        ask["encode"](few_digits[:2], np.array([0, label]))
