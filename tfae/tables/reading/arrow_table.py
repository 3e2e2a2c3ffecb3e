"""Tables in memory, Parquet files, and folders of files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfae.tables.reading.table import ROWS_A_PART, Rows, Table

if TYPE_CHECKING:
    import pyarrow as pa

_PANDAS_INDEX = "__index_level_"


class ArrowTable(Table):
    """A table in memory: anything with Arrow's interface, a dict of columns, or a list of rows.

    Args:
        table: A pandas or polars data frame, a pyarrow table, record batch or reader, any other
            object with `__arrow_c_stream__` or `__arrow_c_array__`; a dict of columns; or a list of
            dicts, one a row.

    Raises:
        ValueError: If it is none of these, or its columns are of mixed types.
    """

    origin = "the table"

    def __init__(self, table: Any):
        import pyarrow as pa

        self._reader: pa.RecordBatchReader | None = None
        try:
            if isinstance(table, pa.RecordBatchReader):
                self._reader = table
            else:
                self._table = _as_table(table)
        except (pa.ArrowException, OverflowError) as error:
            raise ValueError(
                f"The table cannot be read: {error}. Every column must hold values of one type."
            ) from error
        schema = self._table.schema if self._reader is None else self._reader.schema
        self.names = tuple(n for n in schema.names if not n.startswith(_PANDAS_INDEX))

    def parts(self, names: Sequence[str] | None = None) -> Iterator[Rows]:
        chosen = [name for name in self.names if names is None or name in set(names)]
        yield from _parts(self._batches(chosen), lambda row: f"row {row}")

    def _batches(self, chosen: list[str]) -> Iterator[pa.Table | pa.RecordBatch]:
        if self._reader is None:
            table = self._table.select(chosen)
            for start in range(0, table.num_rows, ROWS_A_PART):
                yield table.slice(start, ROWS_A_PART)
        else:
            reader, self._reader = self._reader, _Spent()
            for batch in reader:
                yield batch.select(chosen)


class _Spent:
    """Stands in for a reader that has been used up."""

    def __iter__(self) -> Iterator[Any]:
        raise ValueError(
            "The rows of a RecordBatchReader can be read only once. Pass a table, which can be "
            "read again: reader.read_all()."
        )


class ParquetTable(Table):
    """A Parquet file.

    Raises:
        ValueError: If it is damaged.
    """

    def __init__(self, path: Path):
        self.path, self.origin = path, os.fspath(path)
        self.names = tuple(self._open().schema_arrow.names)

    def parts(self, names: Sequence[str] | None = None) -> Iterator[Rows]:
        import pyarrow as pa

        chosen = [name for name in self.names if names is None or name in set(names)]
        batches = self._open().iter_batches(batch_size=ROWS_A_PART, columns=chosen)
        try:
            yield from _parts(batches, lambda row: f"{self.path}, row {row}")
        except (pa.ArrowException, OSError) as error:
            raise self._unreadable(error) from error

    def _open(self) -> Any:
        import pyarrow as pa
        from pyarrow import parquet

        try:
            return parquet.ParquetFile(self.path)
        except (pa.ArrowException, OSError) as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> ValueError:
        return ValueError(f"{self.path} cannot be read as a Parquet file: {error}")


class Joined(Table):
    """Tables one below the other, such as the files of a folder.

    Args:
        origin: What messages call the whole, such as the folder.
        tables: At least one; all have the same columns, in any order.

    Raises:
        ValueError: If the columns differ; the message names the file.
    """

    def __init__(self, origin: str, tables: Sequence[Table]):
        first = tables[0]
        self.origin, self.names, self.is_text = origin, first.names, first.is_text
        self.decimal = first.decimal
        self._tables = tables
        for table in tables[1:]:
            differing = set(table.names) ^ set(first.names)
            if differing:
                raise ValueError(
                    f"{table.origin} has different columns from {first.origin}: one of them lacks "
                    f"{_listed(sorted(differing))}. All files of a folder must have the same "
                    "columns."
                )
            if table.decimal != first.decimal:
                raise ValueError(
                    f"{table.origin} seems to have a different decimal sign from {first.origin}. "
                    "Pass decimal='.' or ','."
                )

    def parts(self, names: Sequence[str] | None = None) -> Iterator[Rows]:
        for table in self._tables:
            yield from table.parts(names)


def _as_table(table: Any) -> pa.Table:
    import pyarrow as pa

    if isinstance(table, Mapping):
        return pa.table({str(name): _as_array(column) for name, column in table.items()})
    if hasattr(table, "__arrow_c_stream__") or hasattr(table, "__arrow_c_array__"):
        return pa.table(table)
    if isinstance(table, list) and table and all(isinstance(row, Mapping) for row in table):
        names = dict.fromkeys(name for row in table for name in row)  # in order, each once
        return pa.table({str(name): pa.array([r.get(name) for r in table]) for name in names})
    raise ValueError(
        "A table must be a path, a data frame or another object with __arrow_c_stream__, a dict of "
        f"columns, or a list of dicts; received {type(table).__name__}."
    )


def _as_array(column: Any) -> Any:
    import pyarrow as pa

    if isinstance(column, (pa.Array, pa.ChunkedArray)) or hasattr(column, "__arrow_c_array__"):
        return column
    return pa.array(column)


def _parts(batches: Iterator[Any], where: Callable[[int], str]) -> Iterator[Rows]:
    import pyarrow as pa

    first = 0
    for batch in batches:
        if not batch.num_rows:
            continue
        columns = batch if isinstance(batch, pa.Table) else pa.Table.from_batches([batch])
        start = first
        yield Rows(columns.combine_chunks(), lambda row, start=start: where(start + row))
        first += batch.num_rows


def _listed(names: Sequence[str], count: int = 5) -> str:
    more = f" and {len(names) - count} more" if len(names) > count else ""
    return ", ".join(map(repr, names[:count])) + more
