"""Reads .npy and .npz files part by part, and writes .npy files."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from tfae.cli.apply.reader import Part, Reader
from tfae.data.arrays import array_names
from tfae.data.class_numbers import as_numbers
from tfae.data.stored_array import locate

_HEADER = 128  # bytes of the header of a .npy file, which is written when the length is known


class ArrayReader(Reader):
    """An array in a `.npy` file, or one of those in an `.npz` file.

    Args:
        path: The file.
        split: Split in an `.npz` file that has several, such as "test"; `None` for the only one.
        shape: Shape of one example for the model.
        classes: Class names of the training data, if the labels are names.

    Raises:
        ValueError: If the file cannot be read as numbers of that shape.
    """

    def __init__(
        self,
        path: Path,
        split: str | None,
        shape: tuple[int | None, ...],
        classes: tuple[str, ...] = (),
    ):
        self.name = str(path)
        key, label_key = (None, None) if path.suffix.lower() == ".npy" else array_names(path, split)
        if key is not None:
            self.name = f"{path}[{key!r}]"
        try:
            self._location = locate(path, key)
        except ValueError as error:
            raise ValueError(f"{self.name} cannot be read as an array: {error}") from error
        self._path, self._array = path, None
        if self._location is None:  # compressed, or not stored row by row
            self._array = _loaded(path, key)
        stored = self._location or self._array
        self._stored_shape, self.dtype = stored.shape, stored.dtype
        if self.dtype.kind not in "biuf":
            raise ValueError(
                f"{self.name} has dtype {self.dtype}; it must hold numbers. Convert it with "
                "array.astype('float32')."
            )
        self.shape = self._checked_shape(shape)
        self.rows = self._stored_shape[0]
        self._label = None
        if label_key is not None:
            label = _loaded(path, label_key)
            self._label, _ = as_numbers(label, f"{path}[{label_key!r}]", classes)
            if len(self._label) != self.rows:
                raise ValueError(f"{self.name}: {self.rows} examples, {len(self._label)} labels.")

    def parts(self, rows: int) -> Iterator[Part]:
        with self._path.open("rb") as file:
            for first in range(0, self.rows, rows):
                last = min(first + rows, self.rows)
                x = (
                    self._read(file, first, last)
                    if self._array is None
                    else self._array[first:last]
                )
                label = None if self._label is None else self._label[first:last]
                x = x.reshape(len(x), *self.shape)
                yield Part(first, x, label, done=last / self.rows)

    def _read(self, file: BinaryIO, first: int, last: int) -> np.ndarray:
        shape = self._stored_shape[1:]
        size = math.prod(shape)
        file.seek(self._location.offset + first * size * self.dtype.itemsize)
        x = np.fromfile(file, self.dtype, (last - first) * size)
        if len(x) < (last - first) * size:
            raise ValueError(
                f"{self.name} is damaged: it ends in row {first + len(x) // max(size, 1)} of "
                f"{self.rows}. Copy or write it again."
            )
        return x.reshape(-1, *shape)

    def _checked_shape(self, wanted: tuple[int | None, ...]) -> tuple[int, ...]:
        stored = tuple(self._stored_shape)
        shape = stored[1:]
        if len(stored) == 3 and len(wanted) == 3:
            shape = (*shape, 1)  # grey images without an axis of channels
        fits = len(shape) == len(wanted) and all(
            w in (None, s) for s, w in zip(shape, wanted, strict=True)
        )
        if not fits:
            sizes = ", ".join(map(str, wanted))
            raise ValueError(
                f"{self.name} has shape {stored}, but the run was trained on (n, {sizes})."
            )
        if not stored[0]:
            raise ValueError(f"{self.name} holds no examples: its shape is {stored}.")
        return shape


class ArrayWriter:
    """Writes a `.npy` file whose length is not known in advance.

    Args:
        path: The new file.
    """

    def __init__(self, path: Path):
        self._file = path.open("wb")
        self._file.write(bytes(_HEADER))
        self._rows = 0
        self._of_rows: Any = None

    def append(self, array: np.ndarray) -> None:
        """Appends rows `(n, ...)`, of the same dtype and shape in each call."""
        self._rows += len(array)
        self._of_rows = array.dtype, array.shape[1:]
        np.ascontiguousarray(array).tofile(self._file)

    def finish(self) -> None:
        """Writes the header, which says how many rows there are."""
        dtype, shape = self._of_rows
        header = {
            "descr": np.lib.format.dtype_to_descr(dtype),
            "fortran_order": False,
            "shape": (self._rows, *shape),
        }
        text = repr(header).encode("latin1")
        start = np.lib.format.magic(1, 0)
        length = _HEADER - len(start) - 2
        self._file.seek(0)
        self._file.write(start + length.to_bytes(2, "little") + text.ljust(length - 1) + b"\n")

    def close(self) -> None:
        """Closes the file, whether it is complete or not."""
        self._file.close()


def _loaded(path: Path, key: str | None) -> Any:
    try:
        array = np.load(path, allow_pickle=False)
        return array if key is None else array[key]
    except Exception as error:  # NumPy raises many kinds of errors for a damaged file
        raise ValueError(f"{path} cannot be read as NumPy data: {error}") from error
