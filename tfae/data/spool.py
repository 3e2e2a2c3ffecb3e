"""Rows that come in parts, and are kept in memory or in a temporary file."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from tfae.data.stored_array import Location


@contextlib.contextmanager
def collected(
    parts: Iterable[np.ndarray], memory_limit: int
) -> Iterator[tuple[np.ndarray | Location, Path | None]]:
    """Collects rows of float32; the file exists as long as the block runs.

    Whoever opens it there can read it afterwards, too; the disk's space is freed when it is closed.

    Args:
        parts: Arrays `(some, width)` of numbers. Those too large for float32 become infinite.
        memory_limit: In bytes. Rows that take more are written to a temporary file.

    Yields:
        An array `(rows, width)` and `None`; or where the rows lie in a file, and the file.
    """
    kept: list[np.ndarray] = []
    rows, width = 0, 0
    path = None
    try:
        for part in parts:
            with np.errstate(over="ignore"):
                kept.append(np.ascontiguousarray(part, np.float32))
            rows, width = rows + len(part), part.shape[1]
            if path is None and 4 * rows * width > memory_limit:
                descriptor, name = tempfile.mkstemp(prefix="tfae-", suffix=".float32")
                os.close(descriptor)
                path = Path(name)
            if path is not None:
                with path.open("ab") as file:
                    for array in kept:
                        array.tofile(file)
                kept = []
        if path is None:
            x = np.concatenate(kept) if kept else np.zeros((0, width), np.float32)
            kept = []
            yield x, None
        else:
            yield Location(0, np.dtype(np.float32), (rows, width)), path
    finally:
        if path is not None:
            path.unlink()
