"""The checks of data, without a model: of arrays, declared shapes, and values in a pipeline."""

import dataclasses
import warnings

import keras
import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf

from tfae.batches.batch import Batch, pack, unpack
from tfae.batches.contract import DataContract
from tfae.batches.feeding import clear_data_errors
from tfae.batches.label_contract import LabelContract
from tfae.batches.sources import checked_dataset
from tfae.layers import Scaling

X = np.random.default_rng(0).uniform(0.1, 0.9, (6, 2, 3)).astype("float32")
WEIGHTS = np.array([1.0, 2.0, 0.0, 1.0, 3.0, 1.0], "float32")
LABELS = np.array([0, 1, 2, -1, 0, 1])

CONTRACT = DataContract((2, 3), (2, 3), (0.0, 1.0))
WITH_LABELS = dataclasses.replace(CONTRACT, num_classes=3)
CLASSIFIER = LabelContract((2, 3), (), num_classes=3)
NOISY = dataclasses.replace(CONTRACT, takes_noise=True)


def of_arrays(contract, data):
    """Returns the checked arrays."""
    return contract.checked(contract.from_keras(unpack(data)))


def of_dataset(contract, data, batch_size=6):
    """Returns the checked dataset as one batch of arrays."""
    dataset = checked_dataset(contract, tf.data.Dataset.from_tensor_slices(data).batch(batch_size))
    with clear_data_errors():
        batches = [unpack(batch) for batch in dataset]
    return Batch(
        *(
            None if parts[0] is None else np.concatenate([np.asarray(part) for part in parts])
            for parts in zip(*batches, strict=True)
        )
    )


arrays_and_datasets = pytest.mark.parametrize("check", [of_arrays, of_dataset])


def changed(value):
    x = X.copy()
    x[4, 1, 1] = value
    return x


# ---------------------------------------------------------------------------- values


@arrays_and_datasets
@pytest.mark.parametrize(
    ("x", "message"),
    [
        (changed(1.5), r"`x` must lie in \[0, 1\] .*divide .* by 255.* Received \[.*, 1.5\]"),
        (changed(-0.25), r"`x` must lie in \[0, 1\] .* Received \[-0.25, "),
        ((X * 255).astype("uint8"), r"`x` must lie in \[0, 1\] .* Received \[.*, 2..\]"),
        (changed(np.nan), "`x` holds NaN or infinite values.*impute"),
        (changed(np.inf), "`x` holds NaN or infinite values"),
        (changed(-np.inf), "`x` holds NaN or infinite values"),
    ],
    ids=["too large", "negative", "8 bits", "nan", "inf", "-inf"],
)
def test_invalid_values_are_refused(check, x, message):
    with pytest.raises(ValueError, match=message):
        check(CONTRACT, x)
    with pytest.raises(ValueError, match=message):
        check(CONTRACT.of_inputs(), x)
    with pytest.raises(ValueError, match=message.replace("`x`", "`y`")):
        check(CONTRACT, (X, x))


@arrays_and_datasets
def test_without_a_support_only_nan_and_infinity_are_refused(check):
    contract = dataclasses.replace(CONTRACT, support=None)
    np.testing.assert_array_equal(check(contract, X * -1000).x, X * -1000)
    with pytest.raises(ValueError, match="NaN"):
        check(contract, changed(np.nan))


@arrays_and_datasets
def test_the_support_may_differ_from_element_to_element(check):
    high = np.array([1.0, 10.0, 100.0], "float32")
    contract = dataclasses.replace(CONTRACT, support=(0 * high, high))
    np.testing.assert_array_equal(check(contract, X * high).x, X * high)
    with pytest.raises(ValueError, match=r"must lie in \[0, 100\]"):
        check(contract, X * high[::-1])


@arrays_and_datasets
def test_inputs_of_a_denoising_model_may_lie_outside_the_support_but_targets_may_not(check):
    np.testing.assert_array_equal(check(NOISY, (X - 1, X)).x, X - 1)
    np.testing.assert_array_equal(check(NOISY.of_inputs(), X - 1).x, X - 1)
    for contract in (NOISY, NOISY.of_inputs(for_scores=True)):
        with pytest.raises(ValueError, match="`x` must lie in"):
            check(contract, X - 1)
    with pytest.raises(ValueError, match="`x` must lie in"):
        check(NOISY.of_inputs(), (X * 255).astype("uint8"))  # an image that was not scaled
    with pytest.raises(ValueError, match="NaN"):
        check(NOISY.of_inputs(), changed(np.nan))


# ---------------------------------------------------------------------------- shapes


@arrays_and_datasets
@pytest.mark.parametrize(
    ("x", "message"),
    [
        (X[:, :1], r"`x` must have shape \(n, 2, 3\); received \((6|None), 1, 3\)\.$"),
        (np.moveaxis(X, -1, 1), r"Channels come last: numpy.moveaxis\(x, 1, -1\)"),
        (X[0], r"axis: x\[None\]|must be batched"),
        (X[0, 0], r"must have shape \(n, 2, 3\)"),
    ],
    ids=["wrong", "channels first", "one example", "one row of it"],
)
def test_wrong_shapes_are_refused_and_the_error_says_what_to_do(check, x, message):
    if check is of_dataset and x.ndim < 3:
        with pytest.raises(ValueError, match=message):
            checked_dataset(CONTRACT, tf.data.Dataset.from_tensors(x))
        return
    with pytest.raises(ValueError, match=message):
        check(CONTRACT, x)


def test_a_single_number_is_refused():
    with pytest.raises(ValueError, match=r"must have shape \(n, 2, 3\); received \(\)"):
        of_arrays(CONTRACT, np.float32(1))


@arrays_and_datasets
def test_labels_passed_as_targets_are_refused_with_advice(check):
    with pytest.raises(ValueError, match=r"`y` must have shape .*Class labels go to"):
        check(CONTRACT, (X, LABELS))


def test_a_size_of_none_accepts_any_size():
    contract = DataContract((None, 3), (None, 3))
    assert of_arrays(contract, X[:, :1]).x.shape == (6, 1, 3)
    assert of_dataset(contract, X[:, :1]).x.shape == (6, 1, 3)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((4, 2, 4), r"`x` must have shape \(n, 2, 3\); received \(4, 2, 4\)"),
        ((4, 6), r"received \(4, 6\)"),
    ],
)
def test_shapes_that_a_dataset_does_not_declare_are_checked_batch_by_batch(shape, message):
    def dataset(x):
        return tf.data.Dataset.from_generator(lambda: iter([x]), output_types=tf.float32)

    checked = checked_dataset(CONTRACT, dataset(X))
    assert checked.element_spec[0].shape.as_list() == [None, 2, 3]  # what XLA must know
    np.testing.assert_array_equal(next(iter(checked))[0], X)
    with pytest.raises(ValueError, match=message), clear_data_errors():
        next(iter(checked_dataset(CONTRACT, dataset(np.full(shape, 0.5, "float32")))))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((X, X[:5]), "`x` and `y` .*received 6 and 5"),
        ((X, X, WEIGHTS[:5]), "`x` and `sample_weight` .*received 6 and 5"),
        ({"x": X, "label": LABELS[:5]}, "`x` and `label` .*received 6 and"),
    ],
)
@pytest.mark.parametrize("contract", [CONTRACT, WITH_LABELS])
def test_arrays_of_different_lengths_are_refused(contract, data, message):
    contract = dataclasses.replace(contract, expects_labels=False)
    with pytest.raises(ValueError, match=message):
        of_arrays(contract, data)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda x, other: (x, x[:2]), "`x` and `y`"),
        (lambda x, other: (x, x, other[:2]), "`sample_weight` must have one"),
        (lambda x, other: {"x": x, "label": tf.cast(other[:2], tf.int32)}, "`label` .*one for"),
    ],
    ids=["y", "weights", "labels"],
)
def test_batches_whose_parts_differ_in_length_are_refused(build, message):
    dataset = tf.data.Dataset.from_tensor_slices((X, np.zeros(6))).batch(3).map(build)
    contract = dataclasses.replace(WITH_LABELS, expects_labels=False)
    with pytest.raises(ValueError, match=message), clear_data_errors():
        next(iter(checked_dataset(contract, dataset)))


# ---------------------------------------------------------------------------- types


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (None, "must not be None"),
        (np.array(["a", "b"]), "array of numbers; received dtype <U1. Convert it"),
        (np.array([None, 1]), "array of numbers; received dtype object"),
        (np.array(None), "array of numbers"),
        (X + 1j, "array of numbers; received dtype complex64"),
        (np.array(["2020-01-01"], "datetime64[D]"), "array of numbers"),
        ([[0.1, 0.2], [0.3]], "array of numbers; received a list"),
        (scipy.sparse.csr_matrix(X[0]), r"sparse matrix; make it dense: x.toarray\(\)"),
        (scipy.sparse.csr_array(X[0]), "sparse matrix"),
        (tf.sparse.from_dense(X), "sparse tensor; make it dense: tf.sparse.to_dense"),
        (tf.ragged.constant([[0.1, 0.2], [0.3]]), "ragged tensor; pad or cut"),
        (np.ma.masked_greater(X, 0.8), r"masked array .* x.filled\(0\)"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_anything_but_a_dense_array_of_numbers_is_refused(x, message):
    with pytest.raises(ValueError, match=f"`x` .*{message}"):
        CONTRACT.checked(Batch(x))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.array(["a", "b"]), "array of numbers; received dtype string"),
        (tf.sparse.from_dense(X), "sparse tensor; make it dense"),
        (tf.ragged.constant([[0.1, 0.2], [0.3]]), "ragged tensor; pad or cut"),
    ],
    ids=["text", "sparse", "ragged"],
)
def test_datasets_of_anything_but_dense_numbers_are_refused(x, message):
    dataset = tf.data.Dataset.from_tensor_slices(x).batch(2)
    with pytest.raises(ValueError, match=f"`x` .*{message}"):
        checked_dataset(CONTRACT, dataset)


@pytest.mark.parametrize(
    "array",
    [X, X.astype("float64"), X.tolist(), tf.constant(X), tf.Variable(X), keras.Variable(X)],
    ids=lambda array: type(array).__name__,
)
def test_arrays_tensors_variables_and_lists_are_accepted(array):
    checked = CONTRACT.checked(Batch(array))
    np.testing.assert_allclose(checked.x, X, rtol=1e-6)
    assert not checked.has_own_target
    assert np.asarray(CONTRACT.cast(checked).x).dtype == np.float32


@arrays_and_datasets
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "bfloat16", "float64"])
def test_numbers_of_any_dtype_are_cast_to_the_dtype_of_the_model(check, dtype):
    ones = tf.cast(np.ones((3, 2, 3)), dtype)
    for model_dtype in ("float32", "float64"):
        contract = dataclasses.replace(CONTRACT, dtype=model_dtype)
        x = np.asarray(contract.cast(check(contract, ones)).x)
        assert x.dtype == model_dtype
        np.testing.assert_array_equal(x, 1)


def test_float64_data_keeps_every_digit_in_a_float64_model():
    contract = dataclasses.replace(CONTRACT, dtype="float64")
    x = np.full((3, 2, 3), 0.1)
    for checked in (of_arrays(contract, x), of_dataset(contract, x)):
        assert np.asarray(checked.x).tolist() == x.tolist()


# ---------------------------------------------------------------------------- weights and structure


@arrays_and_datasets
@pytest.mark.parametrize("batch_size", [1, 3])
def test_sample_weights_are_one_number_per_example(check, batch_size):
    options = {"batch_size": batch_size} if check is of_dataset else {}
    for weights in (WEIGHTS, WEIGHTS[:, None]):
        np.testing.assert_array_equal(
            check(CONTRACT, (X, X, weights), **options).sample_weight, WEIGHTS
        )
    for weights in (np.ones((6, 2)), np.ones((6, 2, 3)), np.ones((6, 1, 1))):
        with pytest.raises(ValueError, match="`sample_weight` must have one weight for"):
            check(CONTRACT, (X, X, weights), **options)


@arrays_and_datasets
def test_sample_weights_must_be_finite_numbers(check):
    with pytest.raises(ValueError, match="`sample_weight` holds NaN"):
        check(CONTRACT, (X, X, np.where(WEIGHTS > 2, np.nan, WEIGHTS)))
    with pytest.raises(ValueError, match="`sample_weight` must be an array of numbers"):
        check(CONTRACT, (X, X, np.array(list("abcdef"))))


def test_targets_weights_and_labels_may_be_none():
    dataset = tf.data.Dataset.from_tensor_slices((X, WEIGHTS)).batch(3)
    for data, parts in [
        (dataset.map(lambda x, w: (x, None)), 1),
        (dataset.map(lambda x, w: (x, None, None)), 1),
        (dataset.map(lambda x, w: (x, x, None)), 2),
        (dataset.map(lambda x, w: (x, None, w)), 3),
        (dataset.map(lambda x, w: ({"x": x, "label": None}, None, w)), 3),
    ]:
        batch = next(iter(checked_dataset(CONTRACT, data)))
        assert len(batch) == parts
        unpacked = unpack(batch)
        np.testing.assert_array_equal(unpacked.x, X[:3])
        np.testing.assert_array_equal(unpacked.target, X[:3])
        assert unpacked.label is None
        if parts == 3:
            np.testing.assert_array_equal(unpacked.sample_weight, WEIGHTS[:3])


@pytest.mark.parametrize("keys", [["x", "lable"], ["image"], []])
def test_dictionaries_with_unknown_keys_are_refused(keys):
    data = dict.fromkeys(keys, X)
    with pytest.raises(
        ValueError, match=r'must have the key "x" and may have "label", "mask" and .*\['
    ):
        unpack(data)


def test_more_than_one_input_is_refused():
    dataset = tf.data.Dataset.from_tensor_slices(((X, X), X)).batch(3)
    with pytest.raises(ValueError, match="one input; received 2 in a tuple"):
        checked_dataset(CONTRACT, dataset)


@pytest.mark.parametrize("label", [None, LABELS])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("target", [None, X + 1])
def test_unpacking_a_packed_batch_gives_it_back(label, weights, target):
    packed = pack(Batch(X, target, label, weights))
    assert not any(part is None for part in packed)
    again = unpack(packed)
    assert again.x is X
    assert again.target is (X if target is None else target)
    assert again.label is label
    assert again.sample_weight is weights


# ---------------------------------------------------------------------------- labels


@arrays_and_datasets
def test_labels_are_cast_to_int64(check):
    for label in (LABELS, LABELS[:, None], LABELS.astype("int8")):
        checked = check(WITH_LABELS, {"x": X, "label": label}).label
        np.testing.assert_array_equal(checked, LABELS)
        assert np.asarray(checked).dtype == np.int64


@arrays_and_datasets
@pytest.mark.parametrize(
    ("label", "message"),
    [
        (LABELS + 1, "from 0 to 2, or -1 .*Received labels from 0 to 3"),
        (LABELS - 1, "Received labels from -2 to 1"),
        (LABELS / 1.0, "Received float64 of shape"),
        (np.eye(3, dtype=int)[LABELS], r"3\)\. One-hot labels become integers: numpy.argmax"),
        (
            np.array(list("abcdef")),
            r"(<U1|string).*\. Number the classes: numpy\.unique\(label",
        ),
    ],
    ids=["too high", "too low", "floats", "one-hot", "text"],
)
def test_invalid_labels_are_refused(check, label, message):
    with pytest.raises(ValueError, match=message):
        check(WITH_LABELS, {"x": X, "label": label})


def test_a_single_label_for_all_examples_is_refused():
    with pytest.raises(ValueError, match=r"one for each example. Received int64 of shape \(\)\.$"):
        of_arrays(WITH_LABELS, {"x": X, "label": 7})


def test_missing_labels_give_a_warning():
    dataset = tf.data.Dataset.from_tensor_slices(X).batch(3)
    with_none = dataset.map(lambda x: {"x": x, "label": None})
    for check in (
        lambda: of_arrays(WITH_LABELS, X),
        lambda: of_arrays(WITH_LABELS, {"x": X, "label": None}),
        lambda: checked_dataset(WITH_LABELS, dataset),
        lambda: checked_dataset(WITH_LABELS, with_none),
    ):
        with pytest.warns(UserWarning, match="data has none"):
            check()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        of_arrays(WITH_LABELS.of_inputs(), X)
        of_arrays(CONTRACT, X)


def test_labels_that_the_model_does_not_use_are_not_checked():
    assert of_arrays(CONTRACT, {"x": X, "label": LABELS + 5}).label.max() == 7
    assert CONTRACT.inputs(unpack({"x": X, "label": LABELS})).label is None


# ---------------------------------------------------------------------------- classifiers


@arrays_and_datasets
def test_labels_of_a_classifier_are_its_targets(check):
    y = np.abs(LABELS)
    for data in ((X, y), {"x": X, "label": y}, (X, y[:, None].astype("uint8"))):
        checked = check(CLASSIFIER, data)
        packed = unpack(CLASSIFIER.to_keras(checked)) if check is of_arrays else checked
        np.testing.assert_array_equal(packed.target, y)
        assert packed.label is None
    packed = check(CLASSIFIER, (X, y, WEIGHTS))
    np.testing.assert_array_equal(packed.sample_weight, WEIGHTS)


@arrays_and_datasets
def test_a_classifier_needs_the_class_of_every_example(check):
    with pytest.raises(ValueError, match="`y` must hold the labels"):
        check(CLASSIFIER, X)
    with pytest.raises(ValueError, match=r"labels from 0 to 2, one .*from -1 to 2"):
        check(CLASSIFIER, (X, LABELS))
    with pytest.raises(ValueError, match=r"labels from 0 to 2.*from 0 to 5"):
        check(CLASSIFIER, (X, np.arange(6)))


def test_a_classifier_predicts_without_labels():
    inputs = CLASSIFIER.of_inputs()
    checked = inputs.checked(inputs.inputs(unpack((X, LABELS))))
    assert len(inputs.to_keras(checked)) == 1


@pytest.mark.parametrize(("factor", "said"), [(10.0, r"\[0, 0.1\]"), (1 / 255, r"\[0, 255\]")])
def test_the_range_in_an_error_leaves_out_the_margin_for_rounding(factor, said):
    support = Scaling(0.0, factor).support_of((0.0, 1.0))
    contract = dataclasses.replace(CONTRACT, support=support)
    with pytest.raises(ValueError, match=rf"must lie in {said} for"):
        of_arrays(contract, X * 1000)


# ---------------------------------------------------------------------------- missing values

WITH_MISSING = dataclasses.replace(CONTRACT, missing=True)
HOLES = changed(np.nan)
MASK = ~np.isnan(HOLES)


@arrays_and_datasets
def test_nan_is_a_missing_value_where_the_model_takes_it(check):
    np.testing.assert_array_equal(check(WITH_MISSING, HOLES).x, HOLES)
    np.testing.assert_array_equal(check(WITH_MISSING, (X, HOLES)).target, HOLES)
    with pytest.raises(ValueError, match="missing='mask' takes NaN as a missing value"):
        check(CONTRACT, HOLES)


@arrays_and_datasets
@pytest.mark.parametrize(
    ("value", "message"), [(np.inf, "holds infinite values"), (2.0, r"must lie in \[0, 1\]")]
)
def test_missing_values_excuse_no_others(check, value, message):
    x = changed(value)
    x[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match=message):
        check(WITH_MISSING, x)


@arrays_and_datasets
def test_a_mask_says_the_same_as_nan_whatever_stands_below_it(check):
    batch = check(WITH_MISSING, {"x": changed(-999.0), "mask": MASK})
    np.testing.assert_array_equal(batch.x, HOLES)
    assert batch.mask is None
    assert batch.target is batch.x or check is of_dataset
    whole_pixels = MASK.all(axis=-1, keepdims=True)
    of_pixels = check(WITH_MISSING, {"x": X, "mask": whole_pixels.astype("uint8")}).x
    np.testing.assert_array_equal(of_pixels, np.where(whole_pixels, X, np.nan))


def test_the_mask_of_a_masked_array_is_used_and_integers_become_floats():
    masked = np.ma.array((X * 0).astype("uint8"), mask=~MASK)
    x = WITH_MISSING.checked(Batch(masked)).x
    assert x.dtype == np.float32
    np.testing.assert_array_equal(np.isnan(x), ~MASK)
    with pytest.raises(ValueError, match=r"masked array .* missing='mask'"):
        CONTRACT.checked(Batch(masked))


@arrays_and_datasets
@pytest.mark.parametrize(
    ("elements", "message"),
    [
        ({"mask": 0.5 * MASK}, "`mask` must hold 1 .or true"),
        ({"mask": MASK[:, 0]}, "`mask` must have one number for each element, shape"),
        ({"weight": -1.0 * MASK}, "`weight` must hold finite numbers of at least 0"),
        ({"weight": np.nan * MASK}, "`weight` must hold finite numbers of at least 0"),
        ({"weight": np.ones(len(X))}, "`weight` must have one number for each element, shape"),
        ({"mask": MASK.astype(str)}, "`mask` must be an array of numbers"),
    ],
)
def test_wrong_masks_and_weights_of_elements_are_named(check, elements, message):
    with pytest.raises(ValueError, match=message):
        check(WITH_MISSING, {"x": X, **elements})


@arrays_and_datasets
def test_weights_of_elements_go_with_the_data(check):
    weight = np.arange(X.size, dtype="float64").reshape(X.shape)
    batch = check(CONTRACT, {"x": X, "weight": weight})
    np.testing.assert_array_equal(batch.weight, weight)
    assert pack(CONTRACT.cast(batch))[0]["weight"].dtype == np.float32


def test_only_scores_need_weights_of_elements():
    batch = Batch(X, mask=MASK, weight=X)
    assert CONTRACT.of_inputs().inputs(batch) == Batch(X, mask=MASK)
    assert CONTRACT.of_inputs(for_scores=True).inputs(batch).weight is X
