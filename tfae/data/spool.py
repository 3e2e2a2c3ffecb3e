"""Rows that come in parts, and are kept in memory or in a temporary file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from typing import BinaryIO

import numpy as np

from tfae.data.stored_array import Location


def collected(
    parts: Iterable[np.ndarray], memory_limit: int
) -> tuple[np.ndarray | Location, BinaryIO | None]:
    """Collects rows of float32.

    The temporary file has no name from the beginning: the system frees its space when it is closed
    or the process ends, even if the process is killed.

    Args:
        parts: Arrays `(some, width)` of numbers. Those too large for float32 become infinite.
        memory_limit: In bytes. Rows that take more are written to a temporary file.

    Returns:
        An array `(rows, width)` and `None`; or where the rows lie in a file, and the open file.
    """
    kept: list[np.ndarray] = []
    rows, width = 0, 0
    file: BinaryIO | None = None
    for part in parts:
        with np.errstate(over="ignore"):
            kept.append(np.ascontiguousarray(part, np.float32))
        rows, width = rows + len(part), part.shape[1]
        if file is None and 4 * rows * width > memory_limit:
            # Closed by whoever reads it.
            file = tempfile.TemporaryFile()  # noqa: SIM115
        if file is not None:
            for array in kept:
                file.write(array.data)
            kept = []
    if file is None:
        return np.concatenate(kept) if kept else np.zeros((0, width), np.float32), None
    file.flush()
    return Location(0, np.dtype(np.float32), (rows, width)), file
