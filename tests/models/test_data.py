"""Every public method of every model checks its data in the same way.

The checks themselves are tested without models, in tests/batches.
"""

import functools
import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfae
from tfae.classifier import Classifier

X = np.random.default_rng(0).uniform(0.1, 0.9, (24, 4)).astype("float32")
LABELS = np.arange(24) % 3
BAD = X.copy()
BAD[13, 2] = np.nan

# Methods for use in graphs, and Keras' own.
NOT_DATA = {"call", "compute_loss", "compute_metrics", "solve", "symbolic_call"}
# It takes NaN, and is only for models that do: tests/models/test_impute.py.
OF_MISSING = {"impute"}
# Only models of tables have these; tests/models/test_from_schema.py tests them.
OF_TABLES = {"column_scores", "worst_column"}
ONE_BATCH = {"train_on_batch", "test_on_batch", "predict_on_batch"}
FURTHER_ARGUMENTS = {"pretrain": {"epochs": 1}, "log_likelihood": {"num_samples": 2}}


@functools.cache
def model_of(model_class):
    """A model with four inputs, shared by all tests: none of them changes it."""
    keras.utils.set_random_seed(1)
    if model_class is Classifier:
        return stack().classifier(3)
    if model_class is tfae.SparseCoding:
        model = model_class(3, seed=1)
        model.atoms = np.eye(3, 4, dtype="float32")
    else:
        options = {"num_classes": 3} if "num_classes" in _hyperparameters(model_class) else {}
        model = model_class.from_shape((4,), 4, hidden_units=(5,), seed=1, **options)
    if hasattr(model, "threshold"):
        model._fitted.threshold = 1.0
    model.compile(run_eagerly=True)
    return model


def _hyperparameters(model_class):
    return inspect.signature(model_class.__init__).parameters


@functools.cache
def stack():
    return tfae.StackedAutoencoder.from_shape((4,), 2, hidden_units=(3,), seed=1)


def methods(model_class, of="x"):
    """Yields the names of our public methods whose first argument is data."""
    for name, method in inspect.getmembers(model_class, inspect.isfunction):
        if (
            name.startswith("_")
            or name in NOT_DATA | OF_MISSING | OF_TABLES
            or not method.__module__.startswith("tfae.")
        ):
            continue
        parameters = list(inspect.signature(method).parameters)
        if parameters[1:2] == [of]:
            yield name


MODELS = (*tfae.models.MODELS.values(), Classifier)
every_method = pytest.mark.parametrize(
    ("model_class", "method"),
    [(model_class, name) for model_class in MODELS for name in methods(model_class)],
    ids=lambda value: getattr(value, "__name__", value),
)


def arguments(model_class, method, x):
    """Returns `x` and the further arguments that the method needs for this model."""
    options = dict(FURTHER_ARGUMENTS.get(method, {}))
    fits = {"fit", "evaluate", "fit_head", "train_on_batch", "test_on_batch"}
    if model_class is Classifier and method in fits and not isinstance(x, tf.data.Dataset):
        options["y"] = LABELS[: len(x)]
    return x, options


def dataset(x, model_class=None):
    data = (x, LABELS[: len(x)]) if model_class is Classifier else x
    return tf.data.Dataset.from_tensor_slices(data).batch(8)


def test_every_method_that_takes_data_is_found():
    found = set(methods(tfae.VariationalAutoencoder))
    wanted = {"fit", "evaluate", "predict", "encode", "reconstruct", "features", "anomaly_score",
              "is_anomaly", "fit_threshold", "fit_prior", "draw_codes", "log_likelihood",
              "train_on_batch", "test_on_batch", "predict_on_batch"}  # fmt: skip
    assert wanted <= found
    assert "pretrain" in set(methods(tfae.StackedAutoencoder))


@every_method
@pytest.mark.filterwarnings("ignore:The model uses labels")
def test_every_method_refuses_nan(model_class, method):
    model = model_of(model_class)
    x, options = arguments(model_class, method, BAD)
    with pytest.raises(ValueError, match="`x` holds NaN or infinite values"):
        getattr(model, method)(x, **options)


@every_method
@pytest.mark.filterwarnings("ignore:The model uses labels")
def test_every_method_refuses_wrong_shapes(model_class, method):
    model = model_of(model_class)
    x, options = arguments(model_class, method, X[:, :3])
    with pytest.raises(ValueError, match=r"`x` must have shape \(n, 4\); received \(24, 3\)"):
        getattr(model, method)(x, **options)
    if method not in ONE_BATCH:
        x, options = arguments(model_class, method, dataset(X[:, :3], model_class))
        with pytest.raises(ValueError, match=r"`x` must have shape \(n, 4\); received \(None, 3\)"):
            getattr(model, method)(x, **options)


@pytest.mark.parametrize("method", sorted(set(methods(tfae.Autoencoder)) - ONE_BATCH))
def test_invalid_values_are_refused_in_datasets_as_in_arrays(method):
    model = model_of(tfae.Autoencoder)
    for bad, message in (
        (BAD, r"^`x` holds NaN or infinite values; remove or impute them first\. .*missing='mask'"),
        ((X * 255).astype("uint8"), r"^`x` must lie in \[0, 1\] .*Received \[2., 2..\]\.$"),
        (X * 255, r"^`x` must lie in \[0, 1\] .*Received \[.*, 2.*\]\.$"),
        (X - 1, r"^`x` must lie in \[0, 1\] .*Received \[-0\..*\]\.$"),
    ):
        with pytest.raises(ValueError, match=message):
            getattr(model, method)(dataset(bad))
    for bad in ((X * 255).astype("uint8"), X * 255, X - 1):
        with pytest.raises(ValueError, match=r"^`x` must lie in \[0, 1\]"):
            getattr(model, method)(bad)
    assert model.threshold == 1.0
    assert model.fitted_prior is None


@pytest.mark.parametrize(
    "model_class", tfae.models.MODELS.values(), ids=lambda model_class: model_class.__name__
)
@pytest.mark.parametrize(
    ("z", "message"),
    [
        (np.zeros((2, 3)), r"`z` must have shape \(n, \d+\); received \(2, 3\)"),
        (np.zeros(5), r"`z` must have shape"),
        (np.array(["a"]), "`z` must be an array of numbers"),
        (None, "`z` must not be None"),
    ],
    ids=["shape", "one", "text", "none"],
)
def test_decode_refuses_invalid_codes_with_a_message_of_one_line(model_class, z, message):
    model = model_of(model_class)
    if model_class is tfae.SparseCoding and np.shape(z) == (2, 3):
        z = np.zeros((2, 4))
        message = message.replace("3", "4")
    with pytest.raises(ValueError, match=message) as caught:
        model.decode(z)
    assert "\n" not in str(caught.value)


def test_decode_refuses_nan():
    for codes in (np.full((3, 4), np.nan), dataset(np.full((3, 4), np.nan))):
        with pytest.raises(ValueError, match="`z` holds NaN"):
            model_of(tfae.Autoencoder).decode(codes)


@pytest.mark.parametrize("method", ["fit", "evaluate", "predict", "encode", "decode"])
@pytest.mark.parametrize("batch_size", [0, -1, 2.5, np.inf, True, "8"])
def test_invalid_batch_sizes_are_refused(method, batch_size):
    with pytest.raises(ValueError, match="`batch_size` must be an integer of at least 1"):
        getattr(model_of(tfae.Autoencoder), method)(X, batch_size=batch_size)


@pytest.mark.parametrize(
    ("name", "value"),
    [("validation_freq", 0), ("validation_freq", 1.5), ("steps_per_epoch", 0),
     ("validation_steps", 0), ("validation_batch_size", 0)],
)  # fmt: skip
def test_other_invalid_arguments_of_fit_are_refused(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be an integer of at least 1"):
        model_of(tfae.Autoencoder).fit(X, validation_data=X, **{name: value})


@pytest.mark.parametrize("fraction", [-0.1, 1, 1.5, np.nan, "a", True])
def test_invalid_validation_splits_are_refused(fraction):
    with pytest.raises(ValueError, match=r"`validation_split` must lie in \(0, 1\)"):
        model_of(tfae.Autoencoder).fit(X, validation_split=fraction)


def test_unsuitable_sources_of_data_are_refused():
    model = model_of(tfae.Autoencoder)
    with pytest.raises(ValueError, match=r"`x` must be an array or a tf.data.Dataset here"):
        model.encode(iter([X]))
    with pytest.raises(ValueError, match=r"must come from the .*Dataset itself"):
        model.fit(dataset(X), X)
    with pytest.raises(ValueError, match="`validation_split` works on arrays"):
        model.fit(dataset(X), validation_split=0.5)
    with pytest.raises(ValueError, match="`x` holds no batches"):
        model.fit(dataset(X).take(0))
    with pytest.raises(ValueError, match="`x` holds no examples"):
        model.fit(X[:0])
    with pytest.raises(ValueError, match=r'must have the key "x".*\[\]'):
        model.predict({})


def test_bad_validation_data_is_refused():
    model = model_of(tfae.Autoencoder)
    for bad in (BAD, (X, BAD), dataset(BAD)):
        with pytest.raises(ValueError, match="holds NaN"):
            model.fit(X, validation_data=bad, verbose=0)


def test_batches_of_generators_and_pydatasets_are_checked():
    class Bad(keras.utils.PyDataset):
        def __len__(self):
            return 1

        def __getitem__(self, index):
            return BAD, X

    model = model_of(tfae.Autoencoder)
    for method in (model.fit, model.evaluate, model.predict):
        for source in (Bad(), iter([(BAD,)])):
            with pytest.raises(ValueError, match="holds NaN"):
                method(source, verbose=0)


# ---------------------------------------------------------------------------- zero rows


@pytest.mark.parametrize("architecture", ["mlp", "conv"])
def test_zero_rows_give_empty_results(architecture):
    options = {"mlp": {"hidden_units": (3,)}, "conv": {"filters": (2,)}}[architecture]
    model = tfae.VariationalAutoencoder.from_shape((4, 4, 1), 2, architecture, seed=1, **options)
    model.compile(jit_compile=False)
    x = np.full((2, 4, 4, 1), 0.5, "float32")
    predict = functools.partial(model.predict, verbose=0)
    methods = [model.encode, predict, model.predict_on_batch]
    if architecture == "mlp":
        methods += [model.reconstruct, model.anomaly_score, model.features]
        assert model.log_likelihood(x[:0], 2).shape == (0,)
    for method in methods:
        nothing, few = method(x[:0]), method(x)
        tf.nest.assert_same_structure(nothing, few)
        for empty, full in zip(tf.nest.flatten(nothing), tf.nest.flatten(few), strict=True):
            assert empty.shape == (0, *full.shape[1:])
            assert empty.dtype == full.dtype
    assert model.generate(0).shape == (0, 4, 4, 1)
    assert model.decode(np.zeros((0, 2))).shape == (0, 4, 4, 1)


# ---------------------------------------------------------------------------- valid data


def test_predict_equals_reconstruct_for_every_kind_of_data():
    model = model_of(tfae.Autoencoder)
    expected = model.reconstruct(X)

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            rows = slice(8 * index, 8 * index + 8)
            return X[rows], X[rows]

    for x in (X, X.tolist(), X.astype("float64"), {"x": X}, {"x": X, "label": LABELS}, dataset(X),
              dataset((X, X)), Batches(), iter([X[:16], X[16:]])):  # fmt: skip
        np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-6)


def test_labels_reach_a_conditional_model_and_invalid_ones_are_refused():
    model = model_of(tfae.ConditionalVariationalAutoencoder)
    model.offsets.assign(np.arange(12).reshape(3, 4) / 10)
    with_labels = model.predict({"x": X, "label": LABELS}, verbose=0)
    np.testing.assert_allclose(
        with_labels, model.reconstruct({"x": X, "label": LABELS}), rtol=1e-5, atol=1e-6
    )
    assert (with_labels != model.predict(X, verbose=0)).any()
    methods = (model.predict, model.predict_on_batch, model.encode, model.fit, model.evaluate)
    for method in methods:
        for label, message in ((7, "one for each example"), (np.full(24, 7), "labels from 0 to 7"),
                               (LABELS / 2, "float64")):  # fmt: skip
            with pytest.raises(ValueError, match=f"`label` must hold integer labels .*{message}"):
                method({"x": X, "label": label})
    with pytest.raises(ValueError, match="let a dataset give"):
        model.decode(dataset(np.zeros((3, 4))), label=1)
