"""Reads data that has a name: the embedded digits, and TensorFlow Datasets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tfae import data
from tfae.batches.order import epoch_variable
from tfae.cli.apply.reader import Part, Reader
from tfae.data.examples import Order


class NamedReader(Reader):
    """A split of data that has a name.

    Args:
        source: The data, as `tfae.data.find` opens it.
        split: The split; `None` for the only one.
        shape: Shape of one example for the model.

    Raises:
        ValueError: If there is no such split, or its examples have another shape.
    """

    def __init__(self, source: data.Source, split: str | None, shape: tuple[int | None, ...]):
        if split is None and len(source.splits) > 1:
            raise ValueError(
                f"{source.name} has the splits {', '.join(source.splits)}: choose one with --split."
            )
        split = split or source.splits[0]
        self._examples = source.examples(split)
        self.name = f"{source.name}, {split}"
        self.shape, self.dtype = self._examples.shape, self._examples.dtype
        fits = len(self.shape) == len(shape) and all(
            wanted in (None, size) for size, wanted in zip(self.shape, shape, strict=True)
        )
        if not fits:
            raise ValueError(
                f"{source.name} has examples of shape {self.shape}, but the run was trained on "
                f"{shape}."
            )

    def parts(self, rows: int) -> Iterator[Part]:
        def finish(number: Any, first: Any, x: Any, label: Any) -> Any:
            return (first, x) if label is None else (first, x, label)

        order = Order(rows, seed=0, shuffle=False, epoch=epoch_variable())
        for first, x, *label in self._examples.batches(order, finish).as_numpy_iterator():
            done = (int(first) + len(x)) / self._examples.size
            yield Part(int(first), x, label[0] if label else None, done)
