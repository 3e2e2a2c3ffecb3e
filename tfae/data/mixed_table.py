"""Reads tables of mixed columns, as a schema encodes them."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfae.data.arrays import LABEL_NAMES
from tfae.data.examples import InMemory
from tfae.data.labels import as_numbers
from tfae.data.stored_array import Location, StoredArray
from tfae.tables import Report, TableSchema
from tfae.tables.reading import open_table

if TYPE_CHECKING:
    from tfae.tables.reading import Table


def read_mixed(
    path: Path,
    schema: TableSchema | None,
    memory_limit: int,
    kinds: Mapping[str, str] | None = None,
    label_column: str | int | bool | None = None,
    header: bool | None = None,
) -> tuple[dict[str, InMemory | StoredArray], TableSchema]:
    """Reads a table of any columns: a CSV or Parquet file, or a folder of them.

    Args:
        path: The table.
        schema: What its columns hold; `None` to find it out.
        memory_limit: In bytes. More than that is kept in a temporary file while it is used.
        kinds: Kinds of columns that are not to be inferred, by name; "ignore" leaves one out.
        label_column, header: As for `tfae.data.load`.

    Returns:
        The split "train", whose x is float32 `(rows, schema.width)`, NaN where a value is missing;
        and the schema.

    Raises:
        ValueError: If the table cannot be read; the message names the file, line and column.
    """
    table = open_table(path, header=header)
    label_name = find_label(table.names, label_column, table.origin)
    if schema is None:
        ignored = {label_name: "ignore"} if label_name is not None else {}
        schema = TableSchema.infer(path, kinds={**(kinds or {}), **ignored}, header=header)
    labels: list[np.ndarray] = []
    x = _collected(_parts(table, schema, label_name, labels), memory_limit)
    label, names = None, None
    if label_name is not None and label_name in table.names:
        label, names = as_numbers(np.concatenate(labels), f"{path}, column {label_name!r}")
    if isinstance(x, np.ndarray):
        examples: InMemory | StoredArray = InMemory(x, label, names)
    else:
        file, location = x
        examples = StoredArray(Path(file.name), location, location.shape[1:], label, names)
        file.close()  # the examples have it open, so that it lives as long as they do
    examples.column_names = tuple(name for c in schema.columns for name in c.elements)
    return {"train": examples}, schema


def find_label(names: tuple[str, ...], asked: Any, origin: str | None = None) -> str | None:
    """Returns the column that holds the labels, or `None` if there is none.

    Args:
        names: The table's columns.
        asked: What `label_column` of `tfae.data.load` says.
        origin: What the table is called in errors; `None` if a column that is not there is none.

    Raises:
        ValueError: If there is no such column.
    """
    if asked is None:
        lower = [name.lower() for name in names]
        found = next((name for name in LABEL_NAMES if name in lower), None)
        return None if found is None else names[lower.index(found)]
    if asked is False or asked == "none":
        return None
    if isinstance(asked, int) and -len(names) <= asked < len(names):
        return names[asked]
    if asked in names:
        return str(asked)
    if origin is None:
        return None
    raise ValueError(
        f"label_column={asked!r} is not in {origin}, which has the columns {', '.join(names[:20])}."
    )


def _parts(
    table: Table, schema: TableSchema, label_name: str | None, labels: list[np.ndarray]
) -> Iterator[np.ndarray]:
    """Yields the encoded rows, and collects their labels."""
    report = Report(table.origin)
    for part in table.parts():
        if label_name is not None and label_name in table.names:
            cells = part.columns[label_name].to_pylist()
            labels.append(np.array(["" if cell is None else str(cell) for cell in cells]))
        yield schema.encode_part(part, report, table.decimal)
    report.warn()


def _collected(parts: Iterator[np.ndarray], memory_limit: int) -> Any:
    """Returns the rows as one array, or as a temporary file and where in it they are."""
    kept: list[np.ndarray] = []
    size, rows, width = 0, 0, 0
    with contextlib.ExitStack() as stack:
        file = None
        for part in parts:
            size, rows, width = size + part.nbytes, rows + len(part), part.shape[1]
            kept.append(part)
            if size > memory_limit and file is None:
                file = stack.enter_context(tempfile.NamedTemporaryFile(prefix="tfae-"))
            if file is not None:
                for some in kept:
                    np.ascontiguousarray(some).tofile(file)
                kept = []
        if file is None:
            return np.concatenate(kept)
        file.flush()
        stack.pop_all()
        return file, Location(0, np.dtype(np.float32), (rows, width))
