"""The order of the data is a function of seed and epoch."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfae.batches.epochs_of_arrays import epoch_ordered
from tfae.batches.order import (
    count_passes,
    epoch_variable,
    pass_order,
    set_epoch,
)
from tfae.batches.order_callbacks import EpochOrder


def rows_of(dataset):
    """Returns the rows of one pass over a dataset of row numbers."""
    return np.concatenate([batch.numpy() for batch in dataset] or [np.array([], int)])


def order_of(n, seed, number):
    return pass_order(n, seed, tf.constant(number, tf.int64)).numpy()


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9])
@pytest.mark.parametrize("shuffle", [True, False])
def test_each_pass_visits_every_row_once(n, shuffle):
    dataset = epoch_ordered(np.arange(n), 4, seed=3, shuffle=shuffle)
    for _ in range(3):
        assert sorted(rows_of(dataset)) == list(range(n))


@pytest.mark.parametrize(
    ("n", "drop_remainder", "sizes"),
    [
        (0, False, []),
        (1, False, [1]),
        (8, False, [4, 4]),
        (9, False, [4, 4, 1]),
        (9, True, [4, 4]),
        (3, True, []),
        (3, False, [3]),
    ],
)
def test_the_number_and_sizes_of_batches_follow_from_the_length(n, drop_remainder, sizes):
    dataset = epoch_ordered(np.arange(n), 4, seed=3, drop_remainder=drop_remainder)
    assert dataset.cardinality() == len(sizes)
    assert [len(batch) for batch in dataset] == sizes


def test_drop_remainder_fixes_the_batch_dimension():
    dataset = epoch_ordered(np.zeros((9, 2)), 4, seed=3, drop_remainder=True)
    assert dataset.element_spec.shape == (4, 2)


def test_the_structure_of_the_data_is_kept_including_none():
    x = np.arange(6.0).reshape(6, 1)
    label = tf.range(6)
    weight = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    dataset = epoch_ordered(({"x": x, "label": label}, None, np.array(weight)), 4, seed=3)
    for inputs, target, weights in dataset:
        assert target is None
        np.testing.assert_array_equal(inputs["x"][:, 0], inputs["label"])
        np.testing.assert_array_equal(weights, inputs["label"] + 1)


def test_lists_become_tuples():
    batch = next(iter(epoch_ordered([np.zeros(3), np.ones(3)], 3, seed=1)))
    assert isinstance(batch, tuple)


def test_order_is_a_function_of_seed_and_epoch():
    def dataset(seed):
        return epoch_ordered(np.arange(50), 8, seed=seed)

    first = [rows_of(d) for d in [dataset(3)] * 3]
    again = [rows_of(d) for d in [dataset(3)] * 3]
    np.testing.assert_array_equal(first, again)
    assert len({tuple(rows) for rows in [*first, rows_of(dataset(4))]}) == 4


def test_the_order_of_a_given_seed_and_epoch_never_changes():
    """Resuming from existing checkpoints depends on it."""
    assert order_of(8, 0, 0).tolist() == [6, 4, 1, 0, 3, 2, 5, 7]
    assert order_of(8, 2**40 + 1, 5).tolist() == [5, 0, 7, 4, 3, 1, 6, 2]


@pytest.mark.parametrize("seed", [-1, 2**32 + 5, 2**63, -(2**63)])
def test_all_64_bits_of_the_seed_matter(seed):
    assert (order_of(100, seed, 0) != order_of(100, seed + 2**32, 0)).any()
    assert (order_of(100, seed, 0) != order_of(100, seed + 1, 0)).any()


@pytest.mark.slow
@pytest.mark.parametrize("n", [3, 10])
def test_every_row_is_equally_likely_at_every_position(n):
    passes = np.array([order_of(n, 11, e) for e in range(3000)])
    counts = np.array([np.bincount(position, minlength=n) for position in passes.T])
    chi_squared = ((counts - 3000 / n) ** 2 / (3000 / n)).sum()
    degrees = (n - 1) ** 2
    assert abs(chi_squared * (n - 1) / n - degrees) < 4 * np.sqrt(2 * degrees) + 1


def test_the_dataset_counts_its_passes():
    dataset = epoch_ordered(np.arange(20), 6, seed=3)
    for number in range(3):
        np.testing.assert_array_equal(rows_of(dataset), order_of(20, 3, number))


def test_repeat_continues_with_the_next_pass():
    dataset = epoch_ordered(np.arange(20), 5, seed=3).repeat(3)
    np.testing.assert_array_equal(
        rows_of(dataset), np.concatenate([order_of(20, 3, e) for e in range(3)])
    )


def test_a_set_epoch_stays_until_it_is_set_again():
    dataset = epoch_ordered(np.arange(20), 6, seed=3)
    assert set_epoch(dataset, 5)
    for _ in range(2):
        np.testing.assert_array_equal(rows_of(dataset), order_of(20, 3, 5))
    assert count_passes(dataset, 2)
    np.testing.assert_array_equal(rows_of(dataset), order_of(20, 3, 2))
    np.testing.assert_array_equal(rows_of(dataset), order_of(20, 3, 3))


def test_the_variable_can_be_assigned_directly():
    epoch = epoch_variable()
    dataset = epoch_ordered(np.arange(20), 6, seed=3, epoch=epoch)
    assert dataset.tfae_epoch is epoch
    epoch.assign(4)
    np.testing.assert_array_equal(rows_of(dataset), order_of(20, 3, 4))


def test_epoch_is_found_through_later_transformations():
    dataset = epoch_ordered(np.arange(20), 6, seed=3)
    other = epoch_ordered(np.arange(20), 6, seed=3)
    built = tf.data.Dataset.zip((dataset.map(lambda x: x).prefetch(1), other)).take(2)
    assert set_epoch(built, 7)
    first, second = next(iter(built))
    np.testing.assert_array_equal(first, order_of(20, 3, 7)[:6])
    np.testing.assert_array_equal(second, first)


def test_setting_the_epoch_of_other_data_reports_failure():
    assert not set_epoch(tf.data.Dataset.range(3), 1)
    assert not set_epoch(np.zeros(3), 1)
    assert not count_passes(None)


@pytest.mark.parametrize("call", [lambda d: set_epoch(d, -1), lambda d: count_passes(d, -1)])
def test_negative_epochs_are_refused(call):
    with pytest.raises(ValueError, match="-1"):
        call(epoch_ordered(np.arange(3), 2, seed=1))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ((np.zeros(3), np.zeros(4)), r"same number of rows.*\(3,\), \(4,\)"),
        (np.float32(1.0), "leading dimension"),
        ((None, None), "at least one array"),
    ],
)
def test_invalid_arrays_are_refused(arrays, message):
    with pytest.raises(ValueError, match=message):
        epoch_ordered(arrays, 2, seed=1)


@pytest.mark.parametrize("batch_size", [0, -1, 1.5, True])
def test_invalid_batch_sizes_are_refused(batch_size):
    with pytest.raises(ValueError, match="batch_size"):
        epoch_ordered(np.zeros(3), batch_size, seed=1)


class Recorder(keras.Model):
    """Remembers the rows that `fit` passes to it."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1)
        self.seen = tf.Variable(tf.zeros([0]), shape=[None], trainable=False)

    def call(self, x):
        return self.dense(x)

    def train_step(self, data):
        self.seen.assign(tf.concat([self.seen, tf.reshape(data, [-1])], 0))
        return {"loss": tf.constant(0.0)}

    def rows(self):
        return self.seen.numpy().reshape(-1, 20)


def column(n=20):
    return np.arange(n, dtype=np.float32).reshape(n, 1)


def fit(dataset, **kwargs):
    model = Recorder()
    model.compile(run_eagerly=True)
    model.fit(dataset, verbose=0, **kwargs)
    return model.rows()


def test_plain_keras_models_get_another_order_in_each_epoch():
    rows = fit(epoch_ordered(column(), 6, seed=3), epochs=3)
    np.testing.assert_array_equal(rows, [order_of(20, 3, e) for e in range(3)])


def test_epoch_order_aligns_a_resumed_fit():
    dataset = epoch_ordered(column(), 6, seed=3).map(lambda x: x)
    rows = fit(dataset, epochs=5, initial_epoch=3, callbacks=[EpochOrder(dataset)])
    np.testing.assert_array_equal(rows, [order_of(20, 3, e) for e in (3, 4)])
    np.testing.assert_array_equal(rows_of(dataset)[:, 0], order_of(20, 3, 5))


def test_epoch_order_aligns_an_endless_dataset():
    dataset = epoch_ordered(column(), 5, seed=3).repeat()
    rows = fit(
        dataset, epochs=5, initial_epoch=3, steps_per_epoch=4, callbacks=[EpochOrder(dataset)]
    )
    np.testing.assert_array_equal(rows, [order_of(20, 3, e) for e in (3, 4)])


def test_two_replicas_share_the_global_order(two_replicas):
    strategy = two_replicas
    with strategy.scope():
        dataset = epoch_ordered(np.arange(20), 6, seed=3)
    set_epoch(dataset, 4)
    distributed = strategy.experimental_distribute_dataset(dataset)
    for _ in range(2):
        parts = [strategy.experimental_local_results(batch) for batch in distributed]
        rows = np.concatenate([part.numpy() for batch in parts for part in batch])
        np.testing.assert_array_equal(rows, order_of(20, 3, 4))


def test_epoch_order_works_under_a_strategy(two_replicas):
    strategy = two_replicas
    dataset = epoch_ordered(column(), 10, seed=3)
    seen = []

    class Spy(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            seen.append(int(dataset.tfae_epoch))

    with strategy.scope():
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
    with_target = dataset.map(lambda x: (x, x))
    model.fit(with_target, epochs=3, verbose=0, callbacks=[EpochOrder(with_target), Spy()])
    assert seen == [0, 1, 2]
