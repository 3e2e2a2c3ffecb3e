"""Reads a table once or twice and tallies its columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tfae.tables.cells import (
    ISO,
    Cells,
    WrongCellError,
    as_microseconds,
    as_numbers,
    as_text,
    is_number_type,
    is_text,
)
from tfae.tables.inference.guess import AMBIGUOUS, NUMBER, TEXT, guess
from tfae.tables.inference.overrides import IGNORE, Choices
from tfae.tables.inference.tally import NumberTally, Tally, TextTally, TimeTally
from tfae.tables.reading.table import Table

if TYPE_CHECKING:
    import pyarrow as pa

_SAMPLE = 1000  # texts from which the kind of a column is guessed
_RARE = 0.001  # fraction of the values that may be mistakes
_CHOICES = ("categorical", "binary", "ordinal")


class Scan:
    """What is known about a column while the table is read.

    Args:
        name: The column's name.
        wanted: The kind that was asked for; `None` to infer it.
        choices: What else was asked for.
        is_untyped: Whether its type has to be inferred from text.

    Attributes:
        tally: The statistics; `None` as long as all values are missing.
        type: The Arrow type, `None` if it is to be inferred.
        content: `NUMBER`, `TEXT`, `AMBIGUOUS`, or the format of times.
        problem: Why the column cannot be used, or "".
        restart: Whether it has to be read again, as text.
        categories: Those of an ordered dictionary, or `None`.
        sample: Some texts, if it is untyped.
    """

    def __init__(self, name: str, wanted: str | None, choices: Choices, is_untyped: bool):
        self.name, self.wanted, self.choices, self.is_untyped = name, wanted, choices, is_untyped
        self.tally: Tally | None = None
        self.type: pa.DataType | None = None
        self.content, self.problem, self.restart = "", "", False
        self.categories: list | None = None
        self.sample: list[str] = []
        self.empty_rows = 0

    def add(self, cells: Cells) -> None:
        """Adds some cells.

        Raises:
            ValueError: If a cell is not what the column holds.
        """
        if self.problem or self.restart:
            return
        if self.tally is None:
            if cells.array.null_count == len(cells.array):
                self.empty_rows += len(cells.array)
                return
            self._begin(cells)
            if self.problem or self.tally is None:
                return
            self.tally.missing += self.empty_rows
        try:
            self._tally(cells)
        except WrongCellError:
            # A text that is not a number may be a mistake in a column of numbers.
            if not is_text(cells.array.type) or not self._may_be_text(cells):
                raise
            self.restart = True

    def read_as_text(self) -> None:
        """Starts again, reading the column as text."""
        self.content, self.tally, self.restart = TEXT, TextTally(), False

    def _begin(self, cells: Cells) -> None:
        import pyarrow as pa

        kind = cells.array.type
        if not self.is_untyped:
            self.type = kind
        if pa.types.is_dictionary(kind):
            if kind.ordered:
                self.categories = cells.array.dictionary.to_pylist()
            kind = kind.value_type
        if is_text(kind):
            self._begin_text(cells)
        elif is_number_type(kind) or pa.types.is_boolean(kind) or pa.types.is_duration(kind):
            self.content = NUMBER
        elif pa.types.is_temporal(kind) and not pa.types.is_interval(kind):
            self.content = ISO
        else:
            self.problem = f"holds {kind}, which no kind of column takes"
            return
        if self.content == NUMBER:
            self.tally = NumberTally(self.choices.transforms.get(self.name))
        elif self.content in (TEXT, AMBIGUOUS):
            self.tally = TextTally()
        else:
            self.tally = TimeTally()

    def _begin_text(self, cells: Cells) -> None:
        self.sample = _sample(cells)
        found = guess(self.sample, cells.decimal)
        categories = self.choices.categories.get(self.name, ())
        if self.wanted in ("numeric", "count"):
            found = NUMBER
        elif self.wanted == "time":
            found = self.choices.formats.get(self.name, found)
            if found in (NUMBER, TEXT, AMBIGUOUS):
                raise ValueError(
                    f"Column {self.name!r} holds texts such as {self.sample[0]!r}, and how to read "
                    "them as times is not clear. Pass formats="
                    f"{{{self.name!r}: '%d.%m.%Y %H:%M'}} with the format of strptime that fits."
                )
        elif any(isinstance(category, str) for category in categories) or (
            self.wanted in _CHOICES and found != NUMBER
        ):
            found = TEXT
        elif found == NUMBER and not self.is_untyped:
            found = TEXT  # numbers stored as text in a typed table are meant as names
        self.content = found

    def _tally(self, cells: Cells) -> None:
        if isinstance(self.tally, NumberTally):
            self.tally.add(as_numbers(cells))
        elif isinstance(self.tally, TextTally):
            self.tally.add(as_text(cells))
        elif isinstance(self.tally, TimeTally):
            self.tally.add(as_microseconds(cells, self.content))

    def _may_be_text(self, cells: Cells) -> bool:
        if self.wanted in ("numeric", "count", "time"):
            return False
        if self.wanted in _CHOICES:
            return True
        sample, rows = _sample(cells), len(cells.array)
        others = sum(guess([text], cells.decimal) != self.content for text in sample)
        if others / len(sample) * rows < _RARE * (self.tally.present + rows):
            return False
        return guess(sample, cells.decimal) in (TEXT, AMBIGUOUS)


def _sample(cells: Cells) -> list[str]:
    """Some of the texts that are not missing."""
    present = as_text(cells).drop_null()
    if len(present) > _SAMPLE:
        rows = np.random.default_rng(0).integers(0, len(present), _SAMPLE)
        present = present.take(np.sort(rows))
    return present.to_pylist()


def scan_table(table: Table, choices: Choices) -> list[Scan]:
    """Reads a table, and tallies the columns that are not to be ignored.

    Columns of a CSV file that begin as numbers or times and turn out to be text are read again.

    Raises:
        ValueError: If the table cannot be read; the message names the place.
    """
    names = [name for name in table.names if choices.kind(name) != IGNORE]
    scans = [Scan(name, choices.kind(name), choices, table.is_text) for name in names]
    _read(table, scans)
    again = [scan for scan in scans if scan.restart]
    if again:
        for scan in again:
            scan.read_as_text()
        _read(table, again)
    return scans


def _read(table: Table, scans: Sequence[Scan]) -> None:
    for part in table.parts([scan.name for scan in scans]):
        for scan in scans:
            array = part.columns.column(scan.name)
            scan.add(Cells(_one_chunk(array), scan.name, part.where, table.decimal))


def _one_chunk(column: pa.ChunkedArray) -> pa.Array:
    import pyarrow as pa

    if column.num_chunks == 1:
        return column.chunk(0)
    combined = column.combine_chunks()
    return combined if isinstance(combined, pa.Array) else combined.chunk(0)
