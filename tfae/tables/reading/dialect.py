"""Detects how a CSV file is written: its delimiter, its decimal sign, whether it has a header."""

from __future__ import annotations

import csv
import re
from typing import NamedTuple

import numpy as np

LABEL_NAMES = ("label", "labels", "y", "target", "targets", "class")
"""Names that columns and arrays of labels have."""

MISSING = ("", "NA", "N/A", "n/a", "nan", "NaN", "NAN", "null", "NULL", "Null", "<NA>", "?")
"""Cells that count as missing values, in columns of every kind."""

MISSING_NUMBERS = ("na", "none", "None", "NONE", "-", "--", ".", "*")
"""Cells that also count as missing in columns of numbers and times; elsewhere they may be names."""

_MANY = 1000  # cells of a row that say enough about it
_MISSING = {name.lower() for name in (*MISSING, *MISSING_NUMBERS)}
_DELIMITERS = "\t;|,"
_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d*,\d+([eE][+-]?\d+)?\s*")


class Dialect(NamedTuple):
    """How a CSV file is written.

    Attributes:
        delimiter: The character between two cells.
        decimal: The character before the decimals of a number, "." or ",".
        header: Whether the first row holds the names of the columns.
        first, second: The cells of the first two rows; the second is `None` if there is one row.
    """

    delimiter: str
    decimal: str
    header: bool
    first: list[str]
    second: list[str] | None


def find_dialect(
    text: str,
    delimiter: str | None = None,
    decimal: str | None = None,
    header: bool | None = None,
    label_column: str | int | bool | None = None,
) -> Dialect | None:
    """Detects how a file is written, from its first lines.

    Args:
        text: The beginning of the file; the last line may be cut off.
        delimiter, decimal, header: What is already known.
        label_column: The name of the label column; if the first row has it, that row is a header.

    Returns:
        `None` if all lines are blank.
    """
    if delimiter is None:
        delimiter = _find_delimiter(text)
    rows = _rows(text, delimiter)
    if not rows:
        return None
    first, second = rows[0], rows[1] if len(rows) > 1 else None
    if decimal is None:
        decimal = "," if delimiter != "," and _has_decimal_commas(rows) else "."
    if header is None:
        header = is_header(first, second, label_column, decimal)
    return Dialect(delimiter, decimal, header, first, second)


def _find_delimiter(text: str) -> str:
    """The first that splits every row into the same number of cells, else the most frequent."""
    lines = text.splitlines()
    whole = "\n".join(lines[:-1]) if len(lines) > 2 else text
    for delimiter in _DELIMITERS:
        widths = {len(row) for row in _rows(whole, delimiter)}
        if len(widths) == 1 and widths != {1}:
            return delimiter
    first = next((line for line in lines if line.strip()), "")
    return max(",;\t|", key=first.count)


def _rows(text: str, delimiter: str, count: int = 20) -> list[list[str]]:
    rows: list[list[str]] = []
    try:
        for cells in csv.reader(text.splitlines(keepends=True), delimiter=delimiter):
            if len(cells) > 1 or (cells and cells[0].strip()):
                rows.append(cells)
            if len(rows) == count:
                break
    except csv.Error:  # a cell that is longer than the module's limit
        pass
    return rows


def _has_decimal_commas(rows: list[list[str]]) -> bool:
    cells = [cell for row in rows for cell in row]
    has_point = any("." in cell and reads_as_number(cell) for cell in cells)
    return not has_point and any(_DECIMAL_COMMA.fullmatch(cell) for cell in cells)


def is_header(
    first: list[str],
    second: list[str] | None,
    label_column: str | int | bool | None = None,
    decimal: str = ".",
) -> bool:
    """Whether the first row holds names. If in doubt, no, so that no example is lost."""
    first, second = first[:_MANY], second and second[:_MANY]
    if decimal == ",":
        first = [cell.replace(",", ".") for cell in first]
        second = second and [cell.replace(",", ".") for cell in second]
    if second is None:
        return not any(map(reads_as_number, first)) and not all(map(_is_missing, first))
    cells = [cell.strip() for cell in first]
    texts = [i for i, cell in enumerate(cells) if not (reads_as_number(cell) or _is_missing(cell))]
    if texts:
        known = {*LABEL_NAMES, str(label_column).lower()}
        return (
            not any(map(reads_as_number, cells))
            or any(cells[i].lower() in known for i in texts)
            # names over numbers
            or all(i < len(second) and reads_as_number(second[i]) for i in texts)
        )
    if cells[0] == "":  # pandas' index, before columns without names
        return cells[1:] == [str(i) for i in range(len(cells) - 1)] != []
    if len(cells) < 3 or not all(cell.isascii() and cell.isdigit() for cell in cells):
        return False
    steps = np.diff([int(cell) for cell in cells])
    whole_below = any(cell.strip().lstrip("-").isdigit() for cell in second)
    return bool((steps == 1).all() or ((steps > 0).all() and not whole_below))


def reads_as_number(cell: str) -> bool:
    """Whether a cell can be read as a number, "nan" included."""
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell


def _is_missing(cell: str) -> bool:
    return cell.strip().lower() in _MISSING
