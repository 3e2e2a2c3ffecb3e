"""Data that `tfae.data.find` has opened: its splits, and datasets of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import tensorflow as tf

from tfae.arguments import whole_number
from tfae.batches.order import epoch_variable
from tfae.data import binarize as binarization
from tfae.data.examples import Examples, InMemory, Order
from tfae.data.holdout import hold_out
from tfae.data.scaling import Scaling, fit_scaling
from tfae.tables import TableSchema

_READ_AT_ONCE = 256  # examples at most, when single ones are asked for


class Description(NamedTuple):
    """What a split holds.

    Attributes:
        num_examples: Number of examples.
        shape: Shape of one example: `(height, width, channels)`, `(features,)`, ...
        has_labels: Whether `labels=True` works.
        class_names: Name of each class number, or `None`.
        num_classes: Number of classes in the labels of this split and of "train", named or not;
            `None` without labels.
        column_names: Name of each column of a table, or `None`.
    """

    num_examples: int
    shape: tuple[int, ...]
    has_labels: bool
    class_names: tuple[str, ...] | None
    num_classes: int | None
    column_names: tuple[str, ...] | None = None


class Source:
    """Data that has been opened once, and of which datasets can be made and sizes asked.

    Args:
        name: Name of the data, for messages.
        splits: Examples by split.
        memory_limit: In bytes. Splits that take no more than this as float32 are kept in memory.
        schema: The `TableSchema` that encoded the examples, or `None`.
    """

    def __init__(
        self,
        name: str,
        splits: Mapping[str, Examples],
        memory_limit: int,
        schema: TableSchema | None = None,
    ):
        self.name = name
        self.schema = schema
        self._splits = splits
        self._memory_limit = memory_limit
        self._read: dict[str, Examples] = {}
        self._scalings: dict[tuple[str, float], Scaling] = {}

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits of the data itself, without one that `validation_split` makes."""
        return tuple(self._splits)

    def examples(self, split: str) -> Examples:
        """Returns the examples of a split of the data itself, as they are stored.

        Raises:
            ValueError: If there is no such split.
        """
        return self._unread(self._origin(split, 0.0))

    def describe(self, split: str = "train", validation_split: float = 0.0) -> Description:
        """Describes what `load` yields for the same arguments, without reading the examples."""
        origin = self._origin(split, validation_split)
        examples = self._splits[origin]
        counts = [examples.num_classes]
        if "train" in self._splits:
            counts.append(self._splits["train"].num_classes)
        if validation_split and split in ("train", "validation"):
            examples = hold_out(examples, validation_split)[split == "validation"]
        return Description(
            examples.size,
            examples.shape,
            examples.has_labels,
            examples.class_names,
            max(count or 0 for count in counts) if examples.has_labels else None,
            self._splits[origin].column_names,
        )

    def scaling(
        self, scale: str | float | Scaling | None = "auto", validation_split: float = 0.0
    ) -> Scaling:
        """Returns the scaling that `load` applies for the same arguments.

        It is fitted to the training examples, without those that `validation_split` holds out. If
        the data has no training split, it is fitted to its first split.
        """
        if isinstance(scale, Scaling):
            return scale
        split = "train" if "train" in self._splits else next(iter(self._splits))
        key = (repr(scale), validation_split)
        if key not in self._scalings:
            is_measured = scale in ("minmax", "standard")  # otherwise the dtype is usually enough
            examples = self._examples(split) if is_measured else self._unread(split)
            if validation_split and split == "train":
                examples = hold_out(examples, validation_split)[0]
            self._scalings[key] = fit_scaling(scale, examples)
        return self._scalings[key]

    def load(
        self,
        split: str = "train",
        batch_size: int | None = None,
        labels: bool = False,
        *,
        shuffle: bool | None = None,
        seed: int = 0,
        initial_epoch: int = 0,
        drop_remainder: bool = False,
        validation_split: float = 0.0,
        binarize: str | None = None,
        scale: str | float | Scaling | None = "auto",
    ) -> tf.data.Dataset:
        """Makes a dataset; the arguments are those of `tfae.data.load`."""
        if batch_size is not None:
            whole_number("batch_size", batch_size, minimum=1)
        whole_number("initial_epoch", initial_epoch, minimum=0)
        binarization.check_name(binarize)
        origin = self._origin(split, validation_split)
        examples = self._examples(origin)
        if labels and not examples.has_labels:
            raise ValueError(
                f"labels=True needs labels, but {self.name!r} has none. Labels come from class "
                "subfolders of images, an array 'y' in an .npz file, or a column 'label' (or "
                "label_column) of a .csv file."
            )
        scaling = self.scaling(scale, validation_split)
        if binarize and not (scale == "minmax" or isinstance(scale, Scaling)):
            binarization.check_probabilities(examples, scaling, binarize)
        if binarize == "static":  # before any are held out, so that each keeps its own draw
            examples = binarization.drawn_once(examples, scaling, seed)
            scaling, binarize = Scaling(), None
        if validation_split and split in ("train", "validation"):
            examples = hold_out(examples, validation_split)[split == "validation"]
        if isinstance(examples, InMemory) and examples.bytes_in_memory() <= self._memory_limit:
            # Scaled now, in memory, instead of in each pass.
            examples = InMemory(scaling.scale(examples.x), examples.label, examples.class_names)
            scaling = Scaling()
        shuffle = split == "train" if shuffle is None else shuffle

        def finish(
            number: tf.Tensor, first: tf.Tensor, x: tf.Tensor, label: tf.Tensor | None
        ) -> Any:
            x = scaling.scale(x)
            if binarize == "threshold":
                x = binarization.threshold(x)
            elif binarize == "dynamic":
                x = binarization.bernoulli(x, seed, number if shuffle else 0, first)
            return {"x": x, "label": label} if labels else x

        order = Order(
            batch_size or min(_READ_AT_ONCE, examples.rows_a_part()),
            seed,
            shuffle,
            epoch_variable(initial_epoch),
            drop_remainder and batch_size is not None,
        )
        dataset = examples.batches(order, finish)
        if batch_size is None:
            size = tf.data.experimental.assert_cardinality(examples.size)
            dataset = dataset.unbatch().apply(size)
        dataset = dataset.prefetch(tf.data.AUTOTUNE)
        dataset.tfae_epoch = order.epoch
        return dataset

    def _origin(self, split: str, validation_split: float) -> str:
        """Returns the split of the data itself that a split is taken from."""
        origin = "train" if validation_split and split == "validation" else split
        if origin not in self._splits:
            hint = " Pass validation_split=0.1 to hold some out." if split == "validation" else ""
            raise ValueError(
                f"split={split!r} is not in {self.name!r}, which has "
                f"{', '.join(map(repr, self.splits))}.{hint}"
            )
        return origin

    def _unread(self, split: str) -> Examples:
        """Returns the examples without reading them into memory, if that has not been done."""
        return self._read[split] if split in self._read else self._splits[split]

    def _examples(self, split: str) -> Examples:
        if split not in self._read:
            examples = self._splits[split]
            if examples.bytes_in_memory() <= self._memory_limit:
                examples = examples.in_memory()
            self._read[split] = examples
        return self._read[split]
