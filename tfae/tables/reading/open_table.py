"""Opens a table from any source."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfae import endings
from tfae.tables.reading.arrow_table import ArrowTable, Joined, ParquetTable
from tfae.tables.reading.csv_table import CsvTable
from tfae.tables.reading.table import Table


def open_table(
    table: Any,
    *,
    delimiter: str | None = None,
    decimal: str | None = None,
    header: bool | None = None,
    encoding: str = "utf-8",
    missing: Sequence[str] | None = None,
) -> Table:
    """Opens a table.

    Args:
        table: The path of a CSV file, which may be compressed, of a Parquet file, or of a folder of
            such files, which are read in alphabetical order; or a table in memory, see
            `ArrowTable`.
        delimiter, decimal, header, encoding, missing: How CSV files are written; see `CsvTable`.

    Raises:
        FileNotFoundError: If there is nothing at the path.
        ValueError: If the table cannot be read; the message names the file.
    """
    if isinstance(table, Table):
        return table
    if not isinstance(table, (str, os.PathLike)):
        opened: Table = ArrowTable(table)
    else:
        path = Path(table).expanduser()
        options = (delimiter, decimal, header, encoding, missing)
        if path.is_dir():
            opened = Joined(os.fspath(path), [_open_file(file, *options) for file in files(path)])
        elif path.is_file():
            opened = _open_file(path, *options)
        else:
            raise FileNotFoundError(f"There is nothing at {path.absolute()}.")
    opened.check_names()
    return opened


def files(folder: Path) -> list[Path]:
    """The tables in a folder, in alphabetical order.

    Raises:
        ValueError: If there is none.
    """
    tables = (f for f in folder.iterdir() if endings.has_ending(f, endings.TABLES))
    found = sorted(f for f in tables if not f.name.startswith("."))
    if not found:
        raise ValueError(f"{folder} holds no tables ({', '.join(endings.TABLES)}).")
    return found


def _open_file(path: Path, *options: Any) -> Table:
    if endings.has_ending(path, endings.PARQUET):
        return ParquetTable(path)
    return CsvTable(path, *options)
