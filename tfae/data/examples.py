"""The examples of one split, as the readers of all kinds of data return them.

They are in memory, or are read when they are needed.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfae.batches.order import BatchRows, epoch_variable, ordered_rows

_PART = 2**24  # bytes that are read at a time when everything is read
_COPIED = 2**30  # bytes; TensorFlow gets a copy of arrays up to this size, but not of larger ones

SPLITS = {"train": "train", "test": "test", "validation": "validation", "val": "validation"}
"""What folders and arrays may be called, and the split that each name stands for."""


class Order(NamedTuple):
    """The order in which to go through the examples; see `epoch_ordered` in `tfae.batches`."""

    batch_size: int
    seed: int
    shuffle: bool
    epoch: tf.Variable
    drop_remainder: bool = False


Finish = Callable[[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor | None], Any]
"""Turns a batch as it was read into what the dataset yields.

It takes the number of the pass, the number of rows before the batch, `x` as stored, `(batch,
*shape)`, and the labels `(batch,)` or `None`.
"""


class Examples(abc.ABC):
    """The examples of one split.

    Attributes:
        size: Number of examples.
        shape: Shape of one example: `(height, width, channels)`, `(features,)`, ...
        dtype: Data type as stored, before scaling.
        has_labels: Whether each example has a class number, int64, -1 for unlabelled.
        class_names: Name of each class number, or `None`.
        num_classes: Number of classes in the labels; `None` without labels.
        column_names: Name of each column of a table, or `None`.
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
        """Returns the examples with the given row numbers, which must ascend."""

    @abc.abstractmethod
    def batches(self, order: Order, finish: Finish) -> tf.data.Dataset:
        """Returns a dataset of batches in this order, each passed through `finish`."""

    def in_memory(self) -> InMemory:
        """Reads all examples now."""
        x = np.empty((self.size, *self.shape), self.dtype)
        label = np.empty(self.size, np.int64) if self.has_labels else None
        batches = self._in_order(lambda number, first, x, label: (first, x, label))
        for first, some_x, some_labels in batches:
            x[int(first) : int(first) + len(some_x)] = some_x
            if label is not None:
                label[int(first) : int(first) + len(some_x)] = some_labels
        return InMemory(x, label, self.class_names)

    def parts(self) -> Iterator[np.ndarray]:
        """Yields all x as stored, in order, in arrays `(some, *shape)` of bounded size."""
        return self._in_order(lambda number, first, x, label: x).as_numpy_iterator()

    def rows_a_part(self) -> int:
        """Returns how many examples are read at a time when all are read."""
        return max(1, _PART // max(1, math.prod(self.shape) * self.dtype.itemsize))

    def bytes_in_memory(self) -> int:
        """Returns the bytes that the examples take in memory as float32."""
        return 4 * self.size * math.prod(self.shape)

    def _in_order(self, finish: Finish) -> tf.data.Dataset:
        order = Order(self.rows_a_part(), seed=0, shuffle=False, epoch=epoch_variable())
        return self.batches(order, finish).prefetch(1)


class ReadByRow(Examples):
    """Examples with random access: any of them can be read at any time, in any order."""

    @abc.abstractmethod
    def reader(self) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor | None]]:
        """Returns a function from rows, int64 `(batch,)`, to x as stored and labels `(batch,)`."""

    def batches(self, order: Order, finish: Finish) -> tf.data.Dataset:
        fetch = self.reader()

        def read(batch: BatchRows) -> Any:
            return finish(batch.epoch, batch.start, *fetch(batch.indices))

        ordered = ordered_rows(self.size, **order._asdict())
        return ordered.map(read, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


class InMemory(ReadByRow):
    """Examples held as one array.

    Args:
        x: Array `(size, *shape)` of integers or floats.
        label: int64 `(size,)` or `None`.
        class_names: Name of each class number, or `None`.
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

            def take(rows: tf.Tensor) -> tf.Tensor:
                return tf.gather(x, rows)
        else:

            def take(rows: tf.Tensor) -> tf.Tensor:
                taken = tf.numpy_function(self.x.__getitem__, [rows], self.dtype, stateful=False)
                return tf.ensure_shape(taken, (rows.shape[0], *self.shape))

        return lambda rows: (take(rows), None if label is None else tf.gather(label, rows))


class InFiles(ReadByRow):
    """Examples whose x stays in files until it is needed, while their labels are in memory."""

    label: np.ndarray | None

    @abc.abstractmethod
    def read(self, rows: np.ndarray) -> np.ndarray:
        """Reads x as stored, `(rows, *shape)`, of the given row numbers."""

    def in_memory(self) -> InMemory:
        # Not through tf.data, which would hide the message about a file that cannot be read.
        return InMemory(self.read(np.arange(self.size)), self.label, self.class_names)

    def reader(self) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor | None]]:
        label = on_host(self.label)

        def read(rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
            x = tf.numpy_function(self.read, [rows], self.dtype, stateful=False)
            x = tf.ensure_shape(x, (rows.shape[0], *self.shape))
            return x, None if label is None else tf.gather(label, rows)

        return read


def count_classes(label: np.ndarray | None, class_names: tuple[str, ...] | None) -> int | None:
    """Counts the classes: those with names, else one more than the highest label."""
    if label is None:
        return None
    return len(class_names) if class_names else int(label.max(initial=-1)) + 1


def on_host(array: np.ndarray | None) -> Any:
    """Returns the array as a tensor in host memory, where tf.data reads it; `None` for `None`."""
    if array is None:
        return None
    with tf.init_scope(), tf.device("CPU:0"):
        return tf.constant(array)
