"""Reads tables from .csv files."""

from __future__ import annotations

import array
import csv
import itertools
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tfae.data.arrays import LABEL_NAMES, examples_of
from tfae.data.examples import InMemory

_LIKELY_DATA = ("y", "target", "targets")  # label names that often are not a class
_MISSING = ("", "na", "n/a", "nan", "null", "none", "?", "-")


def read_csv(
    path: Path, label_column: str | int | bool | None = None, header: bool | None = None
) -> dict[str, InMemory]:
    """Reads a table of numbers, with one example per line.

    The delimiter is a comma, semicolon or tab, whichever occurs most often in the first line. A
    column called label, labels, class, target, targets or y (in upper or lower case) holds the
    labels, which may be names; examples where it is empty are unlabelled. It is never part of x.
    Neither is a first column without a name, which is pandas' index.

    Args:
        path: The file, in UTF-8.
        label_column: Name, or number counted from 0 (if negative, from the end); `False` or "none"
            if no column is the label; `None` to go by the names above.
        header: Whether the first line holds names; `None` to detect it.

    Returns:
        The split "train", whose x is float32 `(lines, columns)`.

    Raises:
        ValueError: If the file cannot be read; the message names the file and the line.
    """
    rows = _rows(path)
    first, second = next(rows, None), next(rows, None)
    if first is None:
        raise ValueError(f"{path} is empty; it should hold one example per line.")
    width = len(first[1])
    if header is None:
        header = _is_header(first[1], second and second[1], label_column)
        if header and all(map(_is_number, first[1])):
            warnings.warn(
                f"The first line of {path} ({_start_of(first[1])}) is taken for a header, not an "
                "example; `header` changes that.",
                stacklevel=2,
            )
    names = [cell.strip() for cell in first[1]] if header else None
    if header and second is None:
        raise ValueError(f"{path} holds a header ({_start_of(names)}) but no examples.")
    label_index = _label_index(names, width, label_column, path)
    columns = [i for i in range(width) if i != label_index]
    if names and names[0] == "" and label_index != 0 and len(columns) > 1:
        warnings.warn(f"Left out of {path}: its first column, which has no name.", stacklevel=2)
        columns.remove(0)
    if not columns:
        raise ValueError(f"{path} has no column besides the label.")

    values, label = array.array("d"), []
    examples = itertools.chain([] if header else [first], [second] if second else [], rows)
    for line, cells in examples:
        if len(cells) != width:
            raise ValueError(
                f"{path}, line {line}: {len(cells)} cells, but line {first[0]} has {width}."
            )
        try:
            values.extend([float(cells[i]) for i in columns])
        except ValueError:
            raise ValueError(f"{path}, line {line}: {_wrong_cell(cells, columns, names)}") from None
        if label_index is not None:
            label.append(cells[label_index])
    x = np.array(values).reshape(-1, len(columns))
    examples = examples_of(x, np.array(label) if label else None, str(path))
    examples.column_names = names and tuple(names[i] for i in columns)
    return {"train": examples}


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yields the cells of each row that is not blank, and the number of its first line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = _checked_lines(file, path)
            first = next((line for line in lines if line.strip()), "")
            file.seek(0)
            reader = csv.reader(
                _checked_lines(file, path), delimiter=max(",;\t", key=first.count), strict=True
            )
            start = 1
            try:
                for cells in reader:
                    if len(cells) > 1 or (cells and cells[0].strip()):
                        yield start, cells
                    start = reader.line_num + 1
            except csv.Error as error:
                raise ValueError(
                    f"{path}, line {start}: {error}. Is a quote opened there that is never closed?"
                ) from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text: {error}.") from error


def _checked_lines(file: Any, path: Path) -> Iterator[str]:
    for number, line in enumerate(iter(file.readline, ""), 1):
        if "\0" in line:
            raise ValueError(
                f"{path}, line {number}: a zero byte, so this is not UTF-8 text. Save it as UTF-8."
            )
        yield line


def _is_header(
    first: list[str], second: list[str] | None, label_column: str | int | bool | None
) -> bool:
    """Whether the first line holds names. If in doubt it does not, so that no example is lost."""
    if second is None:
        return not any(map(_is_number, first)) and not all(map(_is_missing, first))
    cells = [cell.strip() for cell in first]
    texts = [i for i, cell in enumerate(cells) if not (_is_number(cell) or _is_missing(cell))]
    if texts:
        known = {*LABEL_NAMES, str(label_column).lower()}
        return (
            not any(map(_is_number, cells))
            or any(cells[i].lower() in known for i in texts)
            or all(i < len(second) and _is_number(second[i]) for i in texts)  # names over numbers
        )
    if cells[0] == "":  # pandas' index, before columns without names
        return cells[1:] == [str(i) for i in range(len(cells) - 1)] != []
    if len(cells) < 3 or not all(cell.isascii() and cell.isdigit() for cell in cells):
        return False
    steps = np.diff([int(cell) for cell in cells])
    whole_below = any(cell.strip().lstrip("-").isdigit() for cell in second)
    return bool((steps == 1).all() or ((steps > 0).all() and not whole_below))


def _label_index(
    names: list[str] | None, width: int, label_column: str | int | bool | None, path: Path
) -> int | None:
    if label_column is None:
        lower = [name.lower() for name in names or []]
        found = next((name for name in LABEL_NAMES if name in lower), None)
        if found is None:
            return None
        if found in _LIKELY_DATA:
            warnings.warn(
                f"The column {found!r} of {path} is taken for the label. If it is data, pass "
                "label_column='none'.",
                stacklevel=3,
            )
        return lower.index(found)
    if isinstance(label_column, str) and names and label_column in names:
        return names.index(label_column)
    if label_column is False or label_column == "none":
        return None
    is_number = isinstance(label_column, int) and not isinstance(label_column, bool)
    if is_number and -width <= label_column < width:
        return label_column % width
    known = f"the columns {', '.join(names)}" if names else f"{width} columns and no header"
    raise ValueError(f"label_column={label_column!r} is not in {path}, which has {known}.")


def _wrong_cell(cells: list[str], columns: list[int], names: list[str] | None) -> str:
    index = next(i for i in columns if not _is_number(cells[i]))
    column = names[index] if names else index
    return (
        f"column {column!r} holds {cells[index]!r}, which is not a number. Fill in or remove such "
        f"lines. If the column is the class, pass label_column={column!r}."
    )


def _start_of(cells: list[str]) -> str:
    return ", ".join(cells[:5]) + (", ..." if len(cells) > 5 else "")


def _is_missing(cell: str) -> bool:
    return cell.strip().lower() in _MISSING


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
