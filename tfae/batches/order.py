"""Datasets whose order in pass `e` is a pure function of (seed, e).

`Dataset.shuffle(seed)` starts at its first order again in every process, so a training run that is
restarted at epoch 5 sees the order of epoch 0, and cannot end as the uninterrupted run did. Here
the order of a pass is drawn from the two numbers (seed, epoch) alone.

Which epoch a pass belongs to is decided when the pass begins, by a variable that the dataset
carries as `dataset.tfae_epoch`:

* After `set_epoch(dataset, e)` every pass is pass `e`, until it is set again. tfae's models do
  this at the beginning of each epoch of `fit`; `EpochOrder` does it for any other Keras model.
* Until then, and after `count_passes(dataset)`, the dataset counts: the first pass is pass 0 (or
  `start`), the next one pass 1, and so on. A loop over the dataset, `dataset.repeat()` and a plain
  Keras `fit` thus get another order in every pass with no help.

A set epoch is only read, never advanced, because Keras begins passes it does not finish: it peeks
at one batch to build a model under a distribution strategy, and there it also prepares one
iterator too many at the end of each epoch. These must not shift the passes that count.

Both functions find the variable through any chain of `map`, `prefetch`, `zip`, ... put on top.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import keras
import tensorflow as tf
from tensorflow.python.ops.resource_variable_ops import ResourceVariable

__all__ = [
    "EpochOrder",
    "Place",
    "as_int64",
    "count_passes",
    "epoch_ordered",
    "epoch_variable",
    "ordered_rows",
    "pass_order",
    "per_pass",
    "set_epoch",
]


def epoch_ordered(
    arrays: Any,
    batch_size: int,
    seed: int | tf.Variable,
    epoch: tf.Variable | None = None,
    shuffle: bool = True,
    drop_remainder: bool = False,
) -> tf.data.Dataset:
    """Batches of arrays in memory, in an order that depends on (seed, epoch) only.

    Args:
        arrays: an array or tensor, or a tuple, list or dict of them, nested at will, all with the
            same leading dimension `n`. `None` entries stay `None`, so `(x, None, weights)` works.
        batch_size: rows a batch; the last batch of a pass holds what is left.
        seed: any integer of up to 64 bits, or an int64 variable on the CPU that is read at the
            beginning of each pass (a model's seed may be restored after its data was prepared).
        epoch: the variable that says which pass it is, from `epoch_variable()`; a new one, in
            counting state, when `None`.
        shuffle: `False` gives the rows in their own order in every pass.
        drop_remainder: leave out the last batch where it is smaller than `batch_size`.

    Returns:
        A dataset of known cardinality with the structure of `arrays` (lists become tuples), which
        carries its epoch variable as `.tfae_epoch`.

    Raises:
        ValueError: when there is no array, one is a scalar, or leading dimensions differ.
    """
    tensors = [None if a is None else _on_host(a) for a in keras.tree.flatten(arrays)]
    n = _common_length(arrays, tensors)

    def fetch(place: Place) -> Any:
        batch = [None if t is None else tf.gather(t, place.rows) for t in tensors]
        return keras.tree.lists_to_tuples(keras.tree.pack_sequence_as(arrays, batch))

    dataset = ordered_rows(n, batch_size, seed, epoch, shuffle, drop_remainder)
    epoch = dataset.tfae_epoch
    dataset = dataset.map(fetch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return _carrying(dataset.prefetch(tf.data.AUTOTUNE), epoch)


class Place(NamedTuple):
    """Where a batch stands.

    Attributes:
        number: which pass it belongs to, int64 scalar.
        first: how many rows of the pass come before it, int64 scalar.
        rows: the rows it holds, int64 `(batch,)`.
    """

    number: tf.Tensor
    first: tf.Tensor
    rows: tf.Tensor


def ordered_rows(
    n: int,
    batch_size: int,
    seed: int | tf.Variable,
    epoch: tf.Variable | None = None,
    shuffle: bool = True,
    drop_remainder: bool = False,
) -> tf.data.Dataset:
    """The order alone: for each batch its `Place`, for whatever is read by row number.

    Args:
        n: number of rows.
        batch_size, seed, epoch, shuffle, drop_remainder: as for `epoch_ordered`.

    Returns:
        A dataset of `Place`s of known cardinality, which carries its epoch variable.
    """
    if isinstance(batch_size, bool) or int(batch_size) != batch_size or batch_size < 1:
        raise ValueError(f"batch_size must be a positive integer, received {batch_size!r}.")
    batch_size = int(batch_size)
    whole = n // batch_size
    num_batches = whole if drop_remainder else -(-n // batch_size)

    def places_of_pass(number: tf.Tensor) -> tf.data.Dataset:
        order = pass_order(n, seed, number) if shuffle else tf.range(n, dtype=tf.int64)
        first = tf.range(num_batches, dtype=tf.int64) * batch_size
        end = whole * batch_size
        # Slices of one matrix cost less than a function call a batch.
        places = tf.data.Dataset.from_tensor_slices(
            Place(
                tf.fill([whole], number),
                first[:whole],
                tf.reshape(order[:end], [whole, batch_size]),
            )
        )
        if num_batches > whole:
            rest = Place(number, first[whole], order[end:])
            places = places.concatenate(tf.data.Dataset.from_tensors(rest))
        return places

    return per_pass(places_of_pass, num_batches, epoch_variable() if epoch is None else epoch)


def per_pass(
    make_pass: Callable[[tf.Tensor], tf.data.Dataset],
    num_elements: int | None,
    epoch: tf.Variable,
) -> tf.data.Dataset:
    """A dataset that is made anew for each pass from the number of the pass.

    Args:
        make_pass: takes the pass number, an int64 scalar tensor, and returns the dataset of that
            pass; it is traced once.
        num_elements: how many elements every pass has, so that Keras can show the number of
            steps; `None` when unknown.
        epoch: from `epoch_variable()`.

    Returns:
        The dataset, carrying `epoch` as `.tfae_epoch`.
    """

    def begin_pass(_: tf.Tensor) -> tf.Tensor:
        # State v >= 0: the pass is v. State v < 0: the pass is -1 - v, and the next one follows.
        state = epoch.read_value()
        counting = state < 0
        with tf.control_dependencies([state]):
            epoch.assign_sub(tf.cast(counting, tf.int64))
        return tf.where(counting, -1 - state, state)

    dataset = tf.data.Dataset.range(1).map(begin_pass).flat_map(make_pass)
    if num_elements is not None:
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(num_elements))
    options = tf.data.Options()
    # The state is one number that is meant to live outside the pipeline: nothing to warn about.
    options.experimental_external_state_policy = tf.data.experimental.ExternalStatePolicy.IGNORE
    # One machine reading everything and splitting batches keeps the global order (tf.distribute).
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return _carrying(dataset.with_options(options), epoch)


def pass_order(n: int | tf.Tensor, seed: int | tf.Variable, number: tf.Tensor) -> tf.Tensor:
    """The order of pass `number`: a uniformly random permutation of `range(n)`, int64 `[n]`.

    (`tf.random.experimental.index_shuffle` would need no memory, but its permutations are visibly
    not uniform: over 2,000 seeds, row 0 of 10 fell on one place 148 times and on another 264.)
    """
    seed = seed.read_value() if isinstance(seed, tf.Variable) else as_int64(seed)
    key = tf.stack([tf.cast(seed, tf.int64), tf.cast(number, tf.int64)])
    rows = tf.range(tf.cast(n, tf.int64))
    return tf.random.experimental.stateless_shuffle(rows, seed=key, alg="philox")


def epoch_variable(start: int = 0) -> tf.Variable:
    """Creates the state of one dataset, an int64 scalar, counting passes from `start`."""
    return host_variable(-1 - start)


def host_variable(value: int) -> tf.Variable:
    """Creates an int64 scalar that tf.data can read: on the CPU, once, whatever the strategy."""

    def plain(next_creator: Callable, **kwargs: Any) -> tf.Variable:
        # The last creator entered runs first. Passing the strategy's own over keeps `fit`, called
        # in its scope, from mirroring a number that only the input pipeline reads.
        del next_creator
        return ResourceVariable(kwargs["initial_value"], dtype=tf.int64, trainable=False)

    with tf.init_scope(), tf.device("CPU:0"), tf.variable_creator_scope(plain):
        return tf.Variable(value)


def set_epoch(dataset: Any, epoch: int) -> bool:
    """Makes every pass that begins from now on pass `epoch`.

    Args:
        dataset: anything; only datasets made here, or built on top of one, are affected.
        epoch: zero or more.

    Returns:
        Whether there was an epoch to set.
    """
    if epoch < 0:
        raise ValueError(f"epoch must not be negative, received {epoch}.")
    return _assign(dataset, epoch)


def count_passes(dataset: Any, start: int = 0) -> bool:
    """Lets the dataset count its passes itself, beginning with pass `start`.

    Args:
        dataset: as for `set_epoch`.
        start: the number of the next pass, zero or more.

    Returns:
        Whether there was an epoch to set.
    """
    if start < 0:
        raise ValueError(f"start must not be negative, received {start}.")
    return _assign(dataset, -1 - start)


class EpochOrder(keras.callbacks.Callback):
    """Callback that gives epoch `e` of `fit` pass `e` of a dataset (tfae's models need none).

    With it `fit(dataset, initial_epoch=k)` goes through the data as epoch `k` of an uninterrupted
    run did. An endless dataset (`dataset.repeat()`, fitted with `steps_per_epoch`) begins at pass
    `k` and counts from there, which is the same when `steps_per_epoch` is the length of a pass.
    """

    def __init__(self, dataset: tf.data.Dataset):
        super().__init__()
        self.dataset = dataset
        self._begun = False

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Forgets the previous `fit`."""
        self._begun = False

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Sets the pass that the epoch goes through."""
        if not _is_endless(self.dataset):
            set_epoch(self.dataset, epoch)
        elif not self._begun:
            count_passes(self.dataset, epoch)
        self._begun = True

    def on_train_end(self, logs: dict | None = None) -> None:
        """Hands the counting back to the dataset."""
        for variable in _epoch_variables(self.dataset):
            state = int(variable)
            if state >= 0:
                variable.assign(-2 - state)


def _is_endless(dataset: Any) -> bool:
    cardinality = getattr(dataset, "cardinality", None)
    return callable(cardinality) and int(cardinality()) == tf.data.INFINITE_CARDINALITY


def _assign(dataset: Any, state: int) -> bool:
    variables = list(_epoch_variables(dataset))
    for variable in variables:
        variable.assign(state)
    return bool(variables)


def _epoch_variables(dataset: Any) -> Iterator[tf.Variable]:
    """The epoch variables of a dataset and of all it is built on."""
    found: dict[int, tf.Variable] = {}
    waiting = [dataset]
    while waiting:
        node = waiting.pop()
        variable = getattr(node, "tfae_epoch", None)
        if variable is not None:
            found[id(variable)] = variable
        elif isinstance(node, tf.data.Dataset):
            # `_inputs` is what tf.data itself walks; without it only the attribute is looked at.
            waiting.extend(getattr(node, "_inputs", tuple)())
    return iter(found.values())


def _carrying(dataset: tf.data.Dataset, epoch: tf.Variable) -> tf.data.Dataset:
    dataset.tfae_epoch = epoch
    return dataset


def _on_host(array: Any) -> tf.Tensor:
    with tf.device("CPU:0"):
        tensor = tf.convert_to_tensor(array)
        return tensor if "CPU" in tensor.device else tf.identity(tensor)


def _common_length(arrays: Any, tensors: list[tf.Tensor | None]) -> int:
    """The leading dimension that all arrays share, or `ValueError`."""
    shapes = [tuple(t.shape) for t in tensors if t is not None]
    if not shapes:
        raise ValueError(f"arrays must hold at least one array, received {arrays!r}.")
    if () in shapes:
        raise ValueError(f"arrays must have a leading dimension, received shapes {shapes}.")
    if len({shape[0] for shape in shapes}) > 1:
        raise ValueError(
            f"arrays must have the same number of rows (first dimension), received shapes {shapes}."
        )
    return shapes[0][0]


def as_int64(seed: int) -> int:
    """The seed's lowest 64 bits as a signed number."""
    return (int(seed) + 2**63) % 2**64 - 2**63
