"""Reads tables of numbers from .csv files. `tfae.tables` reads those of mixed columns."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tfae.data.arrays import examples_of
from tfae.data.examples import Examples
from tfae.data.label_column import label_index, note_label
from tfae.data.spool import collected
from tfae.tables.cells import first_failure
from tfae.tables.reading.csv_table import CsvTable
from tfae.tables.reading.dialect import reads_as_number
from tfae.tables.reading.table import no_rows

if TYPE_CHECKING:
    import pyarrow as pa


def read_csv(
    path: Path,
    label_column: str | int | bool | None = None,
    header: bool | None = None,
    memory_limit: int = 2**30,
    encoding: str = "utf-8",
    decimal: str | None = None,
) -> dict[str, Examples]:
    """Reads a table of numbers, with one example per line.

    The delimiter is a comma, semicolon, tab or bar, and decimals follow a point or a comma; both
    are detected. A column called label, labels, class, target, targets or y (in upper
    or lower case) holds the labels, which may be names; examples where it is empty are unlabelled.
    It is never part of x. Neither is a first column without a name, which is pandas' index.

    Args:
        path: The file, in UTF-8; it may be compressed.
        label_column: Name, or number counted from 0 (if negative, from the end); `False` or "none"
            if no column is the label; `None` to go by the names above.
        header: Whether the first line holds names; `None` to detect it.
        memory_limit: In bytes. A table that takes more as float32 is written to a temporary file,
            from which its rows are read when they are needed.
        encoding: How its text is encoded.
        decimal: The decimal sign, "." or ","; `None` to detect it.

    Returns:
        The split "train", whose x is float32 `(lines, columns)`.

    Raises:
        ValueError: If the file cannot be read; the message names the file and the line.
    """
    how = {"header": header, "encoding": encoding, "decimal": decimal}
    table = CsvTable(path, **how, missing=(), label_column=label_column)
    names = _names(table, header)
    layout = _layout(table, names, label_column)
    labels: list[np.ndarray] = []
    x, file = collected(_parts(table, layout, labels), memory_limit)
    if not x.shape[0]:
        raise no_rows(table)
    label = np.concatenate(labels) if labels else None
    examples = examples_of(x, label, str(path), path, file=file)
    examples.column_names = names and tuple(names[i] for i in layout.columns)
    return {"train": examples}


class _Layout(NamedTuple):
    """Which columns hold what.

    Attributes:
        names: The names of all columns, or `None`.
        columns: Indices of those of numbers.
        label: Index of the labels, or `None`.
    """

    names: tuple[str, ...] | None
    columns: list[int]
    label: int | None


def _names(table: CsvTable, header: bool | None) -> tuple[str, ...] | None:
    if not table.dialect.header:
        return None
    if header is None and all(map(reads_as_number, table.dialect.first)):
        warnings.warn(
            f"The first line of {table.path} ({_start_of(table.dialect.first)}) is taken for a "
            "header, not an example; `header` changes that.",
            stacklevel=3,
        )
    return table.names


def _layout(
    table: CsvTable, names: tuple[str, ...] | None, label_column: str | int | bool | None
) -> _Layout:
    label = label_index(names, table.width, label_column, str(table.path))
    if label is not None and names and label_column is None:
        note_label(names[label], str(table.path))
    columns = [i for i in range(table.width) if i != label]
    if names and names[0] == "" and label != 0 and len(columns) > 1:
        warnings.warn(
            f"Left out of {table.path}: its first column, which has no name.", stacklevel=3
        )
        columns.remove(0)
    if not columns:
        raise ValueError(f"{table.path} has no column besides the label.")
    return _Layout(names, columns, label)


def _parts(table: CsvTable, layout: _Layout, labels: list[np.ndarray]) -> Iterator[np.ndarray]:
    """Yields float64 `(rows, columns)`, and adds the labels, text `(rows,)`, to a list."""
    import pyarrow as pa

    for part in table.cells():
        cells, rows = part.cells, len(part.cells) // table.width
        index = np.arange(rows)[:, None] * table.width + np.array(layout.columns)
        numbers = cells.take(pa.array(index.reshape(-1))) if index.size < len(cells) else cells
        try:
            values = _numbers(numbers, table.decimal)
        except _WrongNumberError as error:
            row, column = divmod(error.index, len(layout.columns))
            column = layout.columns[column]
            name = layout.names[column] if layout.names else column
            raise ValueError(
                f"{part.where(row)}: column {name!r} holds {numbers[error.index].as_py()!r}, which "
                "is not a number. Fill in or remove such lines. If the column is the class, pass "
                f"label_column={name!r}. tfae.data.TableSchema takes tables with missing values "
                "and with text."
            ) from None
        if layout.label is not None:
            some = cells.take(pa.array(np.arange(rows) * table.width + layout.label))
            labels.append(np.array(some.to_pylist()))
        yield values.reshape(rows, len(layout.columns))


class _WrongNumberError(ValueError):
    def __init__(self, index: int):
        self.index = index


def _numbers(cells: pa.Array, decimal: str) -> np.ndarray:
    """Text as float64; unlike elsewhere, nothing but "nan" is taken for a missing value."""
    import pyarrow as pa
    from pyarrow import compute

    if decimal == ",":
        cells = compute.replace_substring(cells, ",", ".")
    try:
        return compute.cast(cells, pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        cells = compute.utf8_trim_whitespace(cells)
        cells = compute.replace_substring_regex(cells, r"^\+", "")
    index = first_failure(cells, lambda some: compute.cast(some, pa.float64()))
    if index is not None:
        raise _WrongNumberError(index)
    return compute.cast(cells, pa.float64()).to_numpy(zero_copy_only=False)


def _start_of(cells: Sequence[str]) -> str:
    return ", ".join(cells[:5]) + (", ..." if len(cells) > 5 else "")
