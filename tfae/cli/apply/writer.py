"""Writes what a command computes, in the kind of file that the ending of its name says."""

from __future__ import annotations

import contextlib
import csv
import gzip
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfae.cli.apply.array_files import ArrayWriter
from tfae.cli.apply.image_folders import ImageWriter
from tfae.cli.apply.reader import Part, Reader
from tfae.cli.apply.verbs import Result
from tfae.cli.data_kinds import ending_of
from tfae.files import atomic_write

if TYPE_CHECKING:
    import keras


class Writer:
    """Writes results part by part; this one writes nothing.

    Args:
        path: The new file or folder.
        reader: The data.
    """

    def __init__(self, path: Path | None, reader: Reader):
        self.path, self.reader = path, reader

    def append(self, part: Part, result: Result) -> None:
        """Writes what was computed for a part of the data."""

    def finish(self) -> None:
        """Completes the file, when all parts are written."""

    def close(self) -> None:
        """Closes what is open, whether the file is complete or not."""


class _ToArray(Writer):
    def __init__(self, path: Path, reader: Reader):
        super().__init__(path, reader)
        self._writer = ArrayWriter(path)

    def append(self, part: Part, result: Result) -> None:
        self._writer.append(result.array)

    def finish(self) -> None:
        self._writer.finish()

    def close(self) -> None:
        self._writer.close()


class _ToTable(Writer):
    def __init__(self, path: Path, reader: Reader):
        super().__init__(path, reader)
        ending = ending_of(path)
        reader.typed = ending == ".parquet"
        if reader.typed:
            self._writer: _Parquet | _Csv = _Parquet(path)
        else:
            self._writer = _Csv(path, "\t" if ending.startswith(".tsv") else reader.delimiter)

    def append(self, part: Part, result: Result) -> None:
        if result.values is None:
            columns = self.reader.columns(part)
        else:
            columns = self.reader.columns_of(part, result.values, result.only_missing)
        _check_names(self.reader, columns, result.columns)
        self._writer.append({**columns, **result.columns})

    def close(self) -> None:
        self._writer.close()


class _ToFolder(Writer):
    """A folder of images, or of the maps of their scores, and `scores.csv`.

    The maps are grey images, in which white is the highest score of an element in all of them.
    """

    def __init__(self, path: Path, reader: Reader):
        super().__init__(path, reader)
        path.mkdir()
        self._images = ImageWriter(path)
        self._table = _Csv(path / "scores.csv")
        self._maps = tempfile.TemporaryFile(dir=path.parent)  # noqa: SIM115 - closed by `close`
        self._places: list[list[str]] = []
        self._highest = 0.0

    def append(self, part: Part, result: Result) -> None:
        columns = self.reader.columns(part)
        self._table.append({**columns, **result.columns})
        places = columns[self.reader.place]
        if result.values is not None:
            self._images.append(places, result.values)
        elif result.score_map is not None:
            score_map = result.score_map.mean(axis=-1, keepdims=True).astype(np.float32)
            self._highest = max(self._highest, float(score_map.max()))
            score_map.tofile(self._maps)
            self._places.append(places)
            self._shape = score_map.shape[1:]

    def finish(self) -> None:
        self._maps.seek(0)
        for places in self._places:
            count = len(places) * int(np.prod(self._shape))
            score_map = np.fromfile(self._maps, np.float32, count).reshape(-1, *self._shape)
            shade = np.clip(score_map / max(self._highest, 1e-30), 0, 1)
            self._images.append(places, np.rint(255 * shade).astype(np.uint8))

    def close(self) -> None:
        self._maps.close()
        self._table.close()


def open_writer(path: Path | None, reader: Reader) -> Writer:
    """Opens the writer for the kind of file that the ending says; without one, for a folder.

    Args:
        path: The new file or folder, or `None` to write nothing.
        reader: The data that the results are computed for.
    """
    if path is None:
        return Writer(path, reader)
    ending = ending_of(path)
    kind = _ToArray if ending == ".npy" else _ToTable if ending else _ToFolder
    return kind(path, reader)


def write_rows(
    rows: Any, model: keras.Model, names: Sequence[str] | None, path: Path, overwrite: bool = False
) -> Path:
    """Writes the rows that a model generated as a table.

    Args:
        rows: A `pyarrow.Table` of the model's schema, or numbers `(n, columns)`.
        model: The model.
        names: Names of the columns of numbers; `None` for `column_0`, ...
        path: The file, ending in one of `TABLES`.
        overwrite: Whether an existing file is replaced.

    Returns:
        The file.

    Raises:
        ValueError: If the examples are not rows.
    """
    schema = getattr(model, "schema", None)
    if schema is None:
        if rows.ndim != 2:
            raise ValueError(
                f"Examples of shape {rows.shape[1:]} are not rows of a table. Write them with "
                f"--out {path.stem}.npy."
            )
        names = names or [f"column_{i}" for i in range(rows.shape[1])]
        columns = dict(zip(names, rows.T, strict=True))
    else:
        columns = {column.name: rows[column.name] for column in schema.columns}
    with atomic_write(path, replace=overwrite) as new:
        if ending_of(path) == ".parquet":
            writer: _Parquet | _Csv = _Parquet(new)
        else:
            writer = _Csv(new, "\t" if ending_of(path).startswith(".tsv") else ",")
            if schema is not None:
                from tfae.cli.apply.table_cells import as_text

                columns = {c.name: as_text(columns[c.name], c) for c in schema.columns}
        with contextlib.closing(writer):
            writer.append(columns)
    return path


class _Csv:
    """Writes rows as text; numbers with as many digits as are needed to restore them."""

    def __init__(self, path: Path, delimiter: str = ","):
        opened = gzip.open if path.suffix.lower() == ".gz" else open
        self._file = opened(path, "wt", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file, delimiter=delimiter, lineterminator="\n")
        self._has_header = False

    def append(self, columns: Mapping[str, Any]) -> None:
        if not self._has_header:
            self._writer.writerow(columns)
            self._has_header = True
        self._writer.writerows(zip(*map(_as_text, columns.values()), strict=True))

    def close(self) -> None:
        self._file.close()


class _Parquet:
    def __init__(self, path: Path):
        self._path = path
        self._writer: Any = None

    def append(self, columns: Mapping[str, Any]) -> None:
        import pyarrow
        import pyarrow.parquet

        table = pyarrow.table(dict(columns))
        if self._writer is None:
            self._writer = pyarrow.parquet.ParquetWriter(self._path, table.schema)
        self._writer.write_table(table.cast(self._writer.schema))

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def _as_text(column: Any) -> Iterable[Any]:
    """Returns a column as values that the csv module writes as they should be read again."""
    if isinstance(column, np.ndarray):
        if column.dtype.kind == "f":  # str of a float32 has its own few digits, unlike of a float
            return ["" if value != value else str(value) for value in column]
        return column.tolist()
    if hasattr(column, "to_pylist"):
        return ["" if value is None else value for value in column.to_pylist()]
    return column


def _check_names(reader: Reader, columns: Mapping[str, Any], added: Mapping[str, Any]) -> None:
    taken = sorted(set(columns) & set(added))
    if taken:
        raise ValueError(
            f"{reader.name} has a column {', '.join(taken)} already, which this command adds. "
            "Rename or remove it."
        )
