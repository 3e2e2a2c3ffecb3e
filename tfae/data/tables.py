"""Tables in files: .csv."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from tfae.data.arrays import LABEL_NAMES, examples_of
from tfae.data.examples import InMemory


def read_csv(path: Path, label_column: str | int | None) -> dict[str, InMemory]:
    """Reads a table of numbers, one example a line.

    The first line is a header when any of its cells is not a number. The delimiter is the comma,
    semicolon or tab, whichever the first line has most of. A column called label, labels, class,
    target, targets or y (in any case) holds the labels, which may be names; `label_column` says
    which it is otherwise. It is never part of x.

    Args:
        path: the file, UTF-8.
        label_column: name, or number counted from 0 (or from the end, negative), or `None`.

    Returns:
        The split "train"; x float32 `(lines, columns)`.
    """
    lines = _first_lines(path)
    if not lines or not lines[0].strip():
        raise ValueError(f"{path} is empty; it should hold one example a line.")
    delimiter = max(",;\t", key=lines[0].count)
    first = next(csv.reader(lines[:1], delimiter=delimiter))
    names = None if all(map(_is_number, first)) else [cell.strip() for cell in first]
    if names and len(lines) == 1:
        raise ValueError(f"{path} holds a header ({', '.join(names[:5])}) and no examples.")
    label_index = _label_index(names, len(first), label_column, path)
    columns = [i for i in range(len(first)) if i != label_index]
    if not columns:
        raise ValueError(f"{path} has no column besides the label.")

    wrong = _line_of_other_width(path, delimiter, len(first))
    if wrong:
        raise ValueError(f"{path}, line {wrong[0]}: {wrong[1]} cells, but line 1 has {len(first)}.")

    def load(usecols: list[int], dtype: type) -> np.ndarray:
        return np.loadtxt(
            path,
            dtype=dtype,
            delimiter=delimiter,
            skiprows=1 if names else 0,
            usecols=usecols,
            ndmin=2,
            quotechar='"',
            comments=None,
            encoding="utf-8-sig",
        )

    try:
        x = load(columns, np.float64)
        label = None if label_index is None else load([label_index], str)
    except ValueError as error:
        raise ValueError(_wrong_cell(path, delimiter, names, columns)) from error
    return {"train": examples_of(x, label, str(path))}


def _label_index(
    names: list[str] | None, width: int, label_column: str | int | None, path: Path
) -> int | None:
    if label_column is None:
        lower = [name.lower() for name in names or []]
        return next((lower.index(name) for name in LABEL_NAMES if name in lower), None)
    if isinstance(label_column, str) and names and label_column in names:
        return names.index(label_column)
    if isinstance(label_column, int) and -width <= label_column < width:
        return label_column % width
    known = f"the columns {', '.join(names)}" if names else f"{width} columns and no header"
    raise ValueError(f"label_column={label_column!r} is not in {path}, which has {known}.")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _first_lines(path: Path) -> list[str]:
    """Up to two lines; reads all, so that what is no text is found out here."""
    lines = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for line in file:
                if len(lines) < 2:
                    lines.append(line)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text: {error}.") from error
    return lines


def _line_of_other_width(path: Path, delimiter: str, width: int) -> tuple[int, int] | None:
    """Number of the first line that has another number of cells than `width`, and its number."""
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            cells = line.count(delimiter) + 1
            if cells != width and '"' in line:
                cells = len(next(csv.reader([line], delimiter=delimiter)))
            if cells != width and line.strip():
                return number, cells
    return None


def _wrong_cell(path: Path, delimiter: str, names: list[str] | None, columns: list[int]) -> str:
    """Says which cell is no number; called only when one is."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter)
        for cells in reader:
            if not cells or (names and reader.line_num == 1):
                continue
            for i in columns:
                if not _is_number(cells[i]):
                    column = names[i] if names else i
                    return (
                        f"{path}, line {reader.line_num}: column {column!r} holds {cells[i]!r}, "
                        "which is not a number. Fill in or remove such lines; if it is the class, "
                        f"pass label_column={column!r}."
                    )
    return f"{path} cannot be read as a table of numbers."
