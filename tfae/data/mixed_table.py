"""Reads tables of mixed columns, as a schema encodes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfae.data.class_numbers import as_numbers
from tfae.data.examples import InMemory
from tfae.data.label_column import label_index, note_label
from tfae.data.spool import collected
from tfae.data.stored_array import StoredArray
from tfae.tables import Report, TableSchema
from tfae.tables.reading import open_table
from tfae.tables.reading.table import no_rows

if TYPE_CHECKING:
    from tfae.tables.reading import Table


def read_mixed(
    path: Path,
    schema: TableSchema | None,
    memory_limit: int,
    label_column: str | int | bool | None = None,
    *,
    overrides: Mapping[str, Mapping[str, str] | None] | None = None,
    **reading: Any,
) -> tuple[dict[str, InMemory | StoredArray], TableSchema]:
    """Reads a table of any columns: a CSV or Parquet file, or a folder of them.

    Args:
        path: The table.
        schema: What its columns hold; `None` to find it out.
        memory_limit: In bytes. More than that is kept in a temporary file while it is used.
        label_column: As for `tfae.data.load`.
        overrides: What is not to be inferred: `kinds`, `formats` and `transforms` by column, as for
            `TableSchema.infer`.
        **reading: How CSV files are written: `header`, `encoding` and `decimal`.

    Returns:
        The split "train", whose x is float32 `(rows, schema.width)`, NaN where a value is missing;
        and the schema.

    Raises:
        ValueError: If the table cannot be read; the message names the file, line and column.
    """
    table = open_table(path, **reading)
    label_name = _label_name(table, label_column, schema)
    if schema is None:
        ignored = {label_name: "ignore"} if label_name is not None else {}
        given = {name: values for name, values in (overrides or {}).items() if values}
        given["kinds"] = {**given.get("kinds", {}), **ignored}
        schema = TableSchema.infer(path, **given, **reading)
        if label_name is not None:
            schema.left_out[label_name] = "is the label"
    labels: list[np.ndarray] = []
    x, file = collected(_parts(table, schema, label_name, labels), memory_limit)
    if not x.shape[0]:
        raise no_rows(table)
    label, names = None, None
    if label_name is not None:
        label, names = as_numbers(np.concatenate(labels), f"{path}, column {label_name!r}")
    if isinstance(x, np.ndarray):
        examples: InMemory | StoredArray = InMemory(x, label, names)
    else:
        examples = StoredArray(path, x, x.shape[1:], label, names, file=file)
    examples.column_names = tuple(name for c in schema.columns for name in c.elements)
    return {"train": examples}, schema


def _label_name(table: Table, asked: Any, schema: TableSchema | None) -> str | None:
    """Returns the name of the column that holds the labels; a column of data is none by itself."""
    index = label_index(table.names, len(table.names), asked, table.origin)
    if index is None:
        return None
    name = table.names[index]
    if asked is None and schema is None:
        note_label(name, table.origin)
    is_data = asked is None and schema is not None and name in schema.column_names
    return None if is_data else name


def _parts(
    table: Table, schema: TableSchema, label_name: str | None, labels: list[np.ndarray]
) -> Iterator[np.ndarray]:
    """Yields the encoded rows, and collects their labels."""
    report = Report(table.origin)
    for part in table.parts():
        if label_name is not None:
            cells = part.columns[label_name].to_pylist()
            labels.append(np.array(["" if cell is None else str(cell) for cell in cells]))
        yield schema.encode_part(part, report, table.decimal)
    report.warn()
