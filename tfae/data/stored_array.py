"""An array in a file that may be larger than memory."""

from __future__ import annotations

import itertools
import math
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from tfae.data.examples import InFiles, count_classes


class Location(NamedTuple):
    """Where an array lies in a file, row after row.

    Attributes:
        offset: Number of bytes before its first row.
        dtype, shape: As stored.
    """

    offset: int
    dtype: np.dtype
    shape: tuple[int, ...]


def locate(path: Path, member: str | None = None) -> Location | None:
    """Finds the array in a `.npy` file, or the one called `member` in an `.npz` file.

    Returns:
        `None` if rows do not lie in the file one after another: if the array is compressed, is in
        Fortran order, or is not an array of numbers.

    Raises:
        ValueError: If the file is damaged.
    """
    with path.open("rb") as file:
        try:
            return _locate(file, member)
        except Exception as error:  # zipfile, NumPy and the system raise many kinds of errors
            raise ValueError(f"{path} is damaged: {error}.") from error


def _locate(file: BinaryIO, member: str | None) -> Location | None:
    if member is not None:
        with zipfile.ZipFile(file) as archive:
            entry = archive.NameToInfo.get(f"{member}.npy")
        if entry is None or entry.compress_type != zipfile.ZIP_STORED:
            return None
        # The lengths in the entry's own header, which may differ from those in the central one.
        file.seek(entry.header_offset + 26)
        lengths = np.frombuffer(file.read(4), "<u2")
        file.seek(int(lengths.sum()), os.SEEK_CUR)
    return _read_header(file)


def _read_header(file: BinaryIO) -> Location | None:
    version = np.lib.format.read_magic(file)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        return None
    shape, is_fortran, dtype = readers[version](file)
    if is_fortran or dtype.kind not in "biuf":
        return None
    return Location(file.tell(), dtype, shape)


def dtype_in_memory(dtype: np.dtype) -> np.dtype:
    """Returns the dtype that an array gets in memory: floats become float32, integers native."""
    return np.dtype(np.float32) if dtype.kind == "f" else dtype.newbyteorder("=")


class StoredArray(InFiles):
    """Rows that stay in their file until their batch is needed.

    They are read, not mapped into memory: if the file is truncated in the meantime, that is an
    error, whereas a mapping would crash the process.

    Args:
        path: The file.
        location: Where the array lies in it.
        shape: Shape of one example, with as many elements as a stored row.
        label: int64 `(size,)` or `None`.
        class_names: Name of each class number, or `None`.
        rows: Which rows of the array these examples are; `None` for all.
        file: The file, if it is open already. It may have been removed from its folder since.
    """

    def __init__(
        self,
        path: Path,
        location: Location,
        shape: tuple[int, ...],
        label: np.ndarray | None = None,
        class_names: tuple[str, ...] | None = None,
        rows: np.ndarray | None = None,
        file: BinaryIO | None = None,
    ):
        self.path, self.location, self.shape = path, location, shape
        self.label, self.class_names = label, class_names
        self.rows = np.arange(location.shape[0]) if rows is None else rows
        self.size, self.dtype = len(self.rows), dtype_in_memory(location.dtype)
        self.has_labels, self.num_classes = label is not None, count_classes(label, class_names)
        self._file = path.open("rb") if file is None else file

    def take(self, rows: np.ndarray) -> StoredArray:
        label = None if self.label is None else self.label[rows]
        names, rows = self.class_names, self.rows[rows]
        return StoredArray(self.path, self.location, self.shape, label, names, rows, self._file)

    def parts(self) -> Iterator[np.ndarray]:
        step = self.rows_a_part()
        for start in range(0, self.size, step):
            yield self.read(np.arange(start, min(start + step, self.size)))

    def read(self, rows: np.ndarray) -> np.ndarray:
        rows = self.rows[rows]
        stored = np.empty((len(rows), *self.location.shape[1:]), self.location.dtype)
        content = stored.reshape(-1).view(np.uint8)
        row_size = math.prod(self.location.shape[1:]) * self.location.dtype.itemsize
        # Consecutive rows are read together.
        starts = np.concatenate([[0], np.flatnonzero(np.diff(rows) != 1) + 1, [len(rows)]])
        for first, last in itertools.pairwise(starts):
            wanted = memoryview(content[first * row_size : last * row_size])
            self._fill(wanted, self.location.offset + int(rows[first]) * row_size)
        with np.errstate(over="ignore"):  # values too large for float32 become infinite
            x = stored.astype(self.dtype, copy=False)
        return x.reshape(len(rows), *self.shape)

    def _fill(self, wanted: memoryview, position: int) -> None:
        while wanted:
            count = os.preadv(self._file.fileno(), [wanted], position)
            if count == 0:
                raise ValueError(f"{self.path} is shorter than its header says.")
            wanted, position = wanted[count:], position + count
