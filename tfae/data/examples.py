"""What a reader of data hands over: the examples of one split, in memory or read when due."""

from __future__ import annotations

import abc
import functools
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfae.batches.order import BatchRows, epoch_variable, ordered_rows

_PART = 2**24  # bytes that are read at a time, where all is read
_COPIED = 2**30  # bytes of an array that TensorFlow may have a copy of; larger ones are not copied

SPLITS = {"train": "train", "test": "test", "validation": "validation", "val": "validation"}
"""What folders and arrays may be called, and the split that each is."""


class Order(NamedTuple):
    """How to go through the examples; see `tfae.batches.arrays.epoch_ordered`."""

    batch_size: int
    seed: int
    shuffle: bool
    epoch: tf.Variable
    drop_remainder: bool = False


Finish = Callable[[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor | None], Any]
"""Takes the pass number, the number of rows before the batch, `x` as stored `(batch, *shape)` and
the labels `(batch,)` or `None`; returns what the dataset yields."""


class Examples(abc.ABC):
    """The examples of one split.

    Attributes:
        size: how many there are.
        shape: of one example: `(height, width, channels)`, `(features,)`, ...
        dtype: as stored, before scaling.
        has_labels: whether each has a class number, int64, -1 for unlabelled.
        class_names: name of each class number, or `None`.
        num_classes: how many classes the labels tell apart; `None` without labels.
        column_names: of a table, name of each of its columns, or `None`.
    """

    size: int
    shape: tuple[int, ...]
    dtype: np.dtype
    has_labels: bool = False
    class_names: tuple[str, ...] | None = None
    num_classes: int | None = None
    column_names: tuple[str, ...] | None = None

    @abc.abstractmethod
    def take(self, rows: np.ndarray) -> Examples:
        """The examples of the given row numbers, which ascend."""

    @abc.abstractmethod
    def batches(self, order: Order, finish: Finish) -> tf.data.Dataset:
        """A dataset of finished batches that carries `order.epoch`."""

    def in_memory(self) -> InMemory:
        """The same examples, all read now."""
        x = np.empty((self.size, *self.shape), self.dtype)
        label = np.empty(self.size, np.int64) if self.has_labels else None
        batches = self._in_order(lambda number, first, x, label: (first, x, label))
        for first, some_x, some_labels in batches:
            x[int(first) : int(first) + len(some_x)] = some_x
            if label is not None:
                label[int(first) : int(first) + len(some_x)] = some_labels
        return InMemory(x, label, self.class_names)

    def parts(self) -> Iterator[np.ndarray]:
        """All x as stored, in arrays `(some, *shape)` of bounded size, for one pass in order."""
        return self._in_order(lambda number, first, x, label: x).as_numpy_iterator()

    def rows_a_part(self) -> int:
        """How many examples are read at a time, where all are read."""
        return max(1, _PART // max(1, math.prod(self.shape) * self.dtype.itemsize))

    def bytes_in_memory(self) -> int:
        """What `in_memory` takes once it is float32."""
        return 4 * self.size * math.prod(self.shape)

    def _in_order(self, finish: Finish) -> tf.data.Dataset:
        order = Order(self.rows_a_part(), seed=0, shuffle=False, epoch=epoch_variable())
        return self.batches(order, finish).prefetch(1)


class ReadByRow(Examples):
    """Examples of which any can be read at any time, so their order is exact."""

    @abc.abstractmethod
    def reader(self) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor | None]]:
        """A function from rows, int64 `(batch,)`, to `x` as stored and labels `(batch,)`."""

    def batches(self, order: Order, finish: Finish) -> tf.data.Dataset:
        fetch = self.reader()

        def read(batch: BatchRows) -> Any:
            return finish(batch.epoch, batch.start, *fetch(batch.indices))

        ordered = ordered_rows(self.size, **order._asdict())
        return ordered.map(read, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


class InMemory(ReadByRow):
    """Examples held as one array.

    Args:
        x: array `(size, *shape)` of integers or floats.
        label: int64 `(size,)` or `None`.
        class_names: name of each class number, or `None`.
    """

    def __init__(
        self,
        x: np.ndarray,
        label: np.ndarray | None = None,
        class_names: tuple[str, ...] | None = None,
    ):
        self.x, self.label, self.class_names = x, label, class_names
        self.size, self.shape, self.dtype = len(x), tuple(x.shape[1:]), x.dtype
        self.has_labels, self.num_classes = label is not None, count_classes(label, class_names)

    def take(self, rows: np.ndarray) -> InMemory:
        label = None if self.label is None else self.label[rows]
        return InMemory(self.x[rows], label, self.class_names)

    def in_memory(self) -> InMemory:
        return self

    def parts(self) -> Iterator[np.ndarray]:
        step = self.rows_a_part()
        return (self.x[start : start + step] for start in range(0, self.size, step))

    def reader(self) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor | None]]:
        label = on_host(self.label)
        if self.x.nbytes <= _COPIED:
            x = on_host(self.x)
            take = functools.partial(tf.gather, x)
        else:

            def take(rows: tf.Tensor) -> tf.Tensor:
                taken = tf.numpy_function(self.x.__getitem__, [rows], self.dtype, stateful=False)
                return tf.ensure_shape(taken, (rows.shape[0], *self.shape))

        return lambda rows: (take(rows), None if label is None else tf.gather(label, rows))


def count_classes(label: np.ndarray | None, class_names: tuple[str, ...] | None) -> int | None:
    """How many classes labels tell apart: those with names, else one above the highest number."""
    if label is None:
        return None
    return len(class_names) if class_names else int(label.max(initial=-1)) + 1


def on_host(array: np.ndarray | None) -> tf.Tensor | None:
    """The array as a tensor in the memory that tf.data reads; `None` stays `None`."""
    if array is None:
        return None
    with tf.init_scope(), tf.device("CPU:0"):
        return tf.constant(array)
