"""Batches of arrays in memory."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from tfae.arguments import between
from tfae.batches.batch import Batch
from tfae.batches.order import BatchRows, ordered_rows, with_epoch


def epoch_ordered(
    arrays: Any,
    batch_size: int,
    seed: int | tf.Variable,
    epoch: tf.Variable | None = None,
    shuffle: bool = True,
    drop_remainder: bool = False,
    finish: Callable[[Any], Any] = lambda batch: batch,
) -> tf.data.Dataset:
    """Batches arrays in memory in an order that depends only on (seed, epoch).

    Args:
        arrays: An array or tensor, or any nesting of tuples, lists and dictionaries of them, all
            with the same leading dimension `n`. `None` entries stay `None`, so
            `(x, None, weights)` works.
        batch_size: Rows per batch; the last batch of a pass holds the rest.
        seed: An integer of up to 64 bits, or an int64 variable on the CPU that is read at the
            beginning of each pass (a model's seed may be restored after its data was prepared).
        epoch: The variable that holds the number of the pass, from `epoch_variable()`; `None` for a
            new one that counts passes.
        shuffle: `False` gives the rows in their own order in every pass.
        drop_remainder: Whether to leave out the last batch if it is smaller than `batch_size`.
        finish: Maps a batch to an element of the dataset.

    Returns:
        A dataset of known cardinality with the structure of `arrays` (lists become tuples), with
        its epoch variable as `.tfae_epoch`.

    Raises:
        ValueError: If there is no array, one is a scalar, or leading dimensions differ.
    """
    tensors = [None if a is None else _on_host(a) for a in keras.tree.flatten(arrays)]
    n = _common_length(arrays, tensors)

    def fetch(rows: BatchRows) -> Any:
        batch = [None if t is None else tf.gather(t, rows.indices) for t in tensors]
        return finish(keras.tree.lists_to_tuples(keras.tree.pack_sequence_as(arrays, batch)))

    dataset = ordered_rows(n, batch_size, seed, epoch, shuffle, drop_remainder)
    epoch = dataset.tfae_epoch
    dataset = dataset.map(fetch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return with_epoch(dataset.prefetch(tf.data.AUTOTUNE), epoch)


def _on_host(array: Any) -> tf.Tensor:
    with tf.device("CPU:0"):
        tensor = tf.convert_to_tensor(array)
        return tensor if "CPU" in tensor.device else tf.identity(tensor)


def _common_length(arrays: Any, tensors: list[tf.Tensor | None]) -> int:
    """Returns the leading dimension of all arrays; raises `ValueError` if they differ."""
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


def split_off_last(arrays: Batch, fraction: float) -> tuple[Batch, Batch]:
    """Holds out the last `fraction` of arrays, as Keras does.

    Raises:
        ValueError: If `fraction` is not between 0 and 1, or one side would be empty.
    """
    fraction = between("validation_split", fraction, 0, 1)
    size = int(arrays.x.shape[0])
    boundary = int(size * (1.0 - fraction))
    if boundary in (0, size):
        raise ValueError(
            f"`validation_split`={fraction} of {size} examples leaves one side empty; give "
            "`validation_data` instead."
        )
    return rows_of(arrays, slice(None, boundary)), rows_of(arrays, slice(boundary, None))


def rows_of(arrays: Batch, rows: slice) -> Batch:
    """Returns some rows of arrays; if the target is `x`, it stays the same array as `x`."""
    part = Batch(*(None if a is None else a[rows] for a in arrays))
    return part if arrays.has_own_target else part._replace(target=part.x)
