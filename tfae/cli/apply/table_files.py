"""Reads tables part by part: CSV and Parquet files, and folders of them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tfae.cli.apply.plain_columns import PlainColumns
from tfae.cli.apply.reader import Part, Reader
from tfae.cli.apply.table_cells import filled, like, missing_as_null, numbers, unknown_category
from tfae.cli.data_options import how_written
from tfae.data.label_column import label_index
from tfae.tables import Report
from tfae.tables.reading import Rows, open_table

if TYPE_CHECKING:
    import keras
    import pyarrow as pa

_ROWS = 2**13  # rows that are passed on at a time


class Kept(NamedTuple):
    """What belongs to a part of a table.

    Attributes:
        cells: All columns as they stand in the file, a `pyarrow.Table`.
        where: Gives the place of a row, such as "data.csv, line 12".
    """

    cells: pa.Table
    where: Callable[[int], str]


class TableReader(Reader):
    """A table whose columns are matched with those of the run by name.

    Further columns are passed on, but not used.

    Args:
        path: A file or a folder.
        model: The run's model, which may have a schema.
        config: The run's configuration.
        classes: Class names, if the model takes labels.
        delimiter: The character between the cells of a CSV file; `None` to detect it.

    Raises:
        ValueError: If the table cannot be read or lacks a column.
    """

    def __init__(
        self,
        path: Path,
        model: keras.Model,
        config: dict[str, Any],
        classes: Sequence[str] = (),
        delimiter: str | None = None,
    ):
        of_data = config["data"]
        reading = {"delimiter": delimiter, **how_written(of_data)}
        # Cells that stand for missing values stay as they are, so that they can be written back.
        self.table = open_table(path, missing=(), **reading)
        self.name, self.dtype = self.table.origin, np.dtype(np.float32)
        self.delimiter = getattr(getattr(self.table, "dialect", None), "delimiter", ",")
        self.place = "line" if self.table.is_text else "row"
        self._is_folder = path.is_dir()
        names, self._classes = self.table.names, list(classes)
        label = label_index(names, len(names), of_data["label_column"])
        self._label = None if label is None else names[label]
        schema = getattr(model, "schema", None)
        if schema is None:
            width = model.data_contract().input_shape[0]
            schema = PlainColumns(self._plain_names(of_data.get("columns"), width))
        self.schema, self.shape = schema, model.data_contract().input_shape
        self._elements = [name for column in schema.columns for name in column.elements]
        self.report = Report(self.name)
        self._check_names()

    def parts(self, rows: int) -> Iterator[Part]:
        first = 0
        for whole in self.table.parts():
            for start in range(0, whole.columns.num_rows, _ROWS):
                cells = whole.columns.slice(start, _ROWS)

                def where(row: int, whole: Rows = whole, start: int = start) -> str:
                    return whole.where(start + row)

                used = cells.select(self.schema.column_names)
                if self.table.is_text:
                    nulled = [missing_as_null(column) for column in used.columns]
                    used = used.from_arrays(nulled, names=used.column_names)
                part = Rows(used, where)
                x = self.schema.encode_part(part, self.report, self.table.decimal)
                yield Part(first, x, self._labels(cells), kept=Kept(cells, where))
                first += len(x)

    # ------------------------------------------------------------------ where things are

    def place_of(self, part: Part, i: int) -> Any:
        where = part.kept.where(i)
        return where if self._is_folder else int(where.rsplit(" ", 1)[1])

    def where(self, part: Part, i: int) -> str:
        return part.kept.where(i)

    def element(self, index: tuple[int, ...]) -> str:
        return f"column {self._elements[index[0]]!r}"

    def worst_columns(self, score_map: np.ndarray) -> list[str]:
        return [self.schema.column_names[i] for i in score_map.argmax(axis=1)]

    def notes(self) -> list[str]:
        notes = [f"{self.name}: {sentence}." for sentence in self.report.messages()]
        known = {*self.schema.column_names, *self.schema.left_out, self._label}
        others = [name for name in self.table.names if name not in known]
        if others:
            noun = "column" if len(others) == 1 else "columns"
            notes.append(
                f"{self.name}: the run does not know the {noun} {_listed(others)}, which "
                f"{'is' if len(others) == 1 else 'are'} passed on and not used."
            )
        return notes

    # ------------------------------------------------------------------ what is written

    def columns(self, part: Part) -> dict[str, Any]:
        return self._typed(self._cells(part), part)

    def columns_of(
        self, part: Part, values: np.ndarray, only_missing: bool = False
    ) -> dict[str, Any]:
        columns = self._cells(part)
        decoded = self.schema.decode(values)
        for column in self.schema.columns:
            cells = columns[column.name]
            new = like(decoded[column.name], cells, column, self.table.decimal)
            if only_missing:
                observed = ~np.isnan(part.x[:, column.slice]).any(axis=1)
                new = filled(cells, new, observed | unknown_category(cells, column))
            columns[column.name] = new
        return self._typed(columns, part)

    # ------------------------------------------------------------------ helpers

    def _cells(self, part: Part) -> dict[str, Any]:
        return dict(zip(self.table.names, part.kept.cells.columns, strict=True))

    def _typed(self, columns: dict[str, Any], part: Part) -> dict[str, Any]:
        """Turns text in columns of numbers into numbers, if that is wanted."""
        if self.typed and self.table.is_text:
            for column in self.schema.columns:
                if column.kind in ("numeric", "count"):
                    cells = missing_as_null(columns[column.name])
                    where, decimal = part.kept.where, self.table.decimal
                    columns[column.name] = numbers(cells, column.name, where, decimal)
        return columns

    def _labels(self, cells: pa.Table) -> np.ndarray | None:
        if not self._classes or self._label not in self.table.names:
            return None
        numbers = {name: number for number, name in enumerate(self._classes)}
        names = map(str, cells[self._label].to_pylist())
        return np.array([numbers.get(name, -1) for name in names], np.int64)

    def _plain_names(self, names: Sequence[str] | None, width: int) -> list[str]:
        """The run's columns; if they have no names, those of the table, by position."""
        if names is not None:
            return list(names)
        own = [name for name in self.table.names if name != self._label]
        if own and own[0] == "" and len(own) > 1:  # pandas' index
            own = own[1:]
        if len(own) != width:
            raise ValueError(
                f"{self.name} has {len(own)} columns, but the run was trained on {width} columns "
                f"without names.{self._how_read()}"
            )
        return own

    def _check_names(self) -> None:
        absent = [n for n in self.schema.column_names if n not in set(self.table.names)]
        if not absent:
            return
        near = difflib.get_close_matches(absent[0], self.table.names[:1000], n=1)
        hint = f" Is {near[0]!r} what was {absent[0]!r}? Then rename it." if near else ""
        noun = "column" if len(absent) == 1 else "columns"
        raise ValueError(
            f"{self.name} lacks the {noun} {_listed(absent)} that the run was trained on; it has "
            f"{_listed(self.table.names)}.{hint}{self._how_read()} Add what is missing, or train "
            "on the columns it has."
        )

    def _how_read(self) -> str:
        dialect = getattr(self.table, "dialect", None)
        if dialect is None:
            return ""
        header = "a header" if dialect.header else "no header"
        return (
            f" It was read with {header} and the delimiter {self.delimiter!r}; use "
            "--delimiter to change it."
        )


def _listed(names: Sequence[str], count: int = 8) -> str:
    shown = (name if len(name) < 60 else f"{name[:56]}..." for name in names[:count])
    more = f" and {len(names) - count:,} more" if len(names) > count else ""
    return ", ".join(map(repr, shown)) + more
