"""Every kind of data that Keras accepts becomes the same checked batches."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfae.batches.batch import Batch, unpack
from tfae.batches.contract import DataContract
from tfae.batches.epochs_of_arrays import rows_of
from tfae.batches.feeding import (
    Inputs,
    checked_inputs,
    example_shape,
    one_row_of_zeros,
    prediction_batches,
    single_batch,
    training_batches,
)
from tfae.batches.order import pass_order

CONTRACT = DataContract((2,), (2,), (0.0, 1.0))
WITH_LABELS = DataContract((2,), (2,), (0.0, 1.0), num_classes=3)
X = np.random.default_rng(0).uniform(0.1, 0.9, (10, 2)).astype("float32")
Y = (1 - X).astype("float32")
WEIGHTS = np.arange(10.0).astype("float32")
LABELS = np.arange(10) % 3


class Batches(keras.utils.PyDataset):
    def __init__(self, *parts):
        super().__init__()
        self.parts = parts

    def __len__(self):
        return 3

    def __getitem__(self, index):
        rows = slice(4 * index, 4 * index + 4)
        return tuple(None if part is None else part[rows] for part in self.parts)


def dataset(data):
    return tf.data.Dataset.from_tensor_slices(data).batch(4)


def joined(batches):
    """Joins batches in Keras' format to a single one of arrays."""
    if isinstance(batches, keras.utils.PyDataset):
        source = batches
        batches = [source[i] for i in range(len(source))]
    parts = zip(*map(unpack, batches), strict=True)
    return Batch(*(None if p[0] is None else np.concatenate(list(map(np.asarray, p)))
                   for p in parts))  # fmt: skip


def assert_equal(batch, expected):
    for name, part, wanted in zip(Batch._fields, batch, expected, strict=True):
        assert (part is None) == (wanted is None), name
        if wanted is not None:
            np.testing.assert_allclose(part, wanted, rtol=1e-6, err_msg=name)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((X,), Batch(X, X)),
        ((X.astype("float64"),), Batch(X, X)),
        ((X.tolist(),), Batch(X, X)),
        (([X],), Batch(X, X)),
        (({"x": X},), Batch(X, X)),
        ((tf.constant(X),), Batch(X, X)),
        ((keras.Variable(X),), Batch(X, X)),
        ((X, Y), Batch(X, Y)),
        ((X, None, WEIGHTS), Batch(X, X, None, WEIGHTS)),
        ((X, Y, WEIGHTS[:, None].tolist()), Batch(X, Y, None, WEIGHTS)),
        (({"x": X, "label": LABELS}, Y, WEIGHTS), Batch(X, Y, LABELS, WEIGHTS)),
        ((dataset(X),), Batch(X, X)),
        ((dataset(X.astype("float64")).map(lambda x: (x, None)),), Batch(X, X)),
        ((dataset((X, WEIGHTS)).map(lambda x, w: (x, None, w)),), Batch(X, X, None, WEIGHTS)),
        ((dataset(({"x": X, "label": LABELS}, Y, WEIGHTS)),), Batch(X, Y, LABELS, WEIGHTS)),
        ((Batches(X),), Batch(X, X)),
        ((Batches(X, Y, WEIGHTS),), Batch(X, Y, None, WEIGHTS)),
        ((Batches(X.astype("float64"), None, WEIGHTS),), Batch(X, X, None, WEIGHTS)),
        ((iter([X[:5], X[5:]]),), Batch(X, X)),
        ((iter([(X, Y)]),), Batch(X, Y)),
    ],
    ids=lambda value: type(value[0]).__name__ if type(value) is tuple else "",
)
def test_every_kind_of_data_becomes_the_same_training_batches(arguments, expected):
    batches, held_out = training_batches(CONTRACT, *arguments, batch_size=4)
    assert held_out is None
    assert_equal(joined(batches), expected)


def test_the_order_of_arrays_depends_on_seed_and_epoch():
    batches, _ = training_batches(CONTRACT, X, batch_size=4, shuffle=True, seed=7)
    for epoch in range(2):
        order = pass_order(10, 7, tf.constant(epoch, tf.int64))
        np.testing.assert_array_equal(joined(batches).x, X[order])
    assert int(batches.cardinality()) == 3


def test_validation_split_holds_out_the_last_part_of_every_array():
    x = {"x": X, "label": LABELS, "weight": abs(Y)}
    batches, held_out = training_batches(
        CONTRACT, x, Y, WEIGHTS, shuffle=True, validation_split=0.2
    )
    expected = Batch(X, Y, LABELS, WEIGHTS, weight=abs(Y))
    assert_equal(joined(held_out), rows_of(expected, slice(8, None)))
    shuffled = joined(batches)
    rows = np.argsort(shuffled.sample_weight)
    assert_equal(rows_of(shuffled, rows), rows_of(expected, slice(None, 8)))


def test_a_split_that_leaves_one_side_empty_is_refused():
    with pytest.raises(ValueError, match="of 5 examples leaves one side empty"):
        training_batches(CONTRACT, X[:5], validation_split=0.9)


def test_a_single_batch_becomes_a_tuple_in_the_dtype_of_the_model():
    x, y, weights = single_batch(CONTRACT, (X * 255).astype("uint8") // 255, Y.tolist(), WEIGHTS)
    assert x.dtype == y.dtype == weights.dtype == np.float32
    assert len(single_batch(CONTRACT, X)) == 1
    with pytest.raises(ValueError, match="holds no examples"):
        single_batch(CONTRACT, X[:0])


@pytest.mark.parametrize(
    "make",
    [
        lambda: {"x": X, "label": LABELS},
        lambda: dataset({"x": X, "label": LABELS}),
        lambda: dataset(({"x": X, "label": LABELS}, Y, WEIGHTS)),
        lambda: Batches(X, Y),
        lambda: iter([X]),
    ],
    ids=["arrays", "dataset", "dataset of tuples", "PyDataset", "generator"],
)
def test_prediction_batches_hold_neither_targets_nor_weights(make):
    assert_equal(joined(prediction_batches(CONTRACT, make())), Batch(X, X))
    batch = joined(prediction_batches(WITH_LABELS, make()))
    if batch.label is not None:
        np.testing.assert_array_equal(batch.label, LABELS)


@pytest.mark.parametrize("batch_size", [1, 4, 100])
@pytest.mark.parametrize("with_label", [False, True])
def test_inputs_come_in_batches_of_tensors(batch_size, with_label):
    for x, label in ((X, np.full(10, -1)), ({"x": X, "label": LABELS}, LABELS),
                     (dataset({"x": X, "label": LABELS}), LABELS)):  # fmt: skip
        batches = list(checked_inputs(WITH_LABELS, x).batches(batch_size, with_label))
        if not isinstance(x, tf.data.Dataset):
            assert {len(batch.x) for batch in batches} <= {batch_size, 10 % batch_size, 10}
        np.testing.assert_array_equal(np.concatenate([batch.x for batch in batches]), X)
        if with_label:
            np.testing.assert_array_equal(np.concatenate([b.label for b in batches]), label)
            assert batches[0].label.dtype == tf.int64
        else:
            assert batches[0].label is None


def test_zero_rows_give_one_empty_batch():
    (batch,) = checked_inputs(CONTRACT, X[:0]).batches(4, with_label=True)
    assert batch.x.shape == (0, 2)
    assert batch.label.shape == (0,)


def test_inputs_without_a_contract_keep_their_dtype():
    (batch,) = Inputs(Batch(np.arange(3))).batches(4)
    assert batch.x.dtype == tf.int64


def test_errors_name_the_argument():
    with pytest.raises(ValueError, match=r"`calibration` must have shape \(n, 2\)"):
        checked_inputs(CONTRACT, X[:, :1], name="calibration")


@pytest.mark.parametrize(
    "make",
    [lambda: X, lambda: {"x": X}, X.tolist, lambda: dataset((X, Y)), lambda: Batches(X),
     lambda: iter([X[:4], X[4:]]), lambda: (batch for batch in [(X[:4], Y[:4]), (X[4:], Y[4:])])],
    ids=["array", "dictionary", "list", "dataset", "PyDataset", "iterator", "generator"],
)  # fmt: skip
def test_finding_the_shape_of_an_example_consumes_no_data(make):
    shape, x = example_shape(make())
    assert shape == (2,)
    assert_equal(joined(prediction_batches(CONTRACT, x)), Batch(X, X))


@pytest.mark.parametrize("x", [None, 1.0, "a", {}, {"y": X}])
def test_data_without_examples_has_no_example_shape(x):
    with pytest.raises(ValueError, match=r"`x`|dictionary"):
        example_shape(x)


def test_one_row_of_zeros_has_the_shape_of_the_data():
    row = one_row_of_zeros((tf.TensorSpec([None, None, 3]), tf.TensorSpec([None], tf.int64)))
    assert [part.shape for part in row] == [(1, 1, 3), (1,)]
