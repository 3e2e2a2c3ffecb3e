"""Arrays and tables in files: .npy, .npz and .csv."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from tfae.data.examples import SPLITS, InMemory
from tfae.data.labels import as_numbers

X_NAMES = ("x", "data", "images", "image", "arr_0")
LABEL_NAMES = ("label", "labels", "y", "target", "targets", "class")


def read_npy(path: Path) -> dict[str, InMemory]:
    """Reads one array `(n, ...)`; see `examples_of` for what its axes mean."""
    return {"train": examples_of(_load_numpy(path), None, str(path))}


def read_npz(path: Path) -> dict[str, InMemory]:
    """Reads named arrays.

    The data is under "x" (or "data", "images", "image", "arr_0", or it is the only array), the
    labels under "y" (or "label", "labels", "target", "targets", "class"). Splits come as "x_train",
    "y_train", "x_test", ..., as Keras writes them.

    Returns:
        The splits found; "train" when the names tell none.
    """
    with _load_numpy(path) as archive:
        keys = list(archive.keys())
        wanted = _choose_keys(keys)
        if not wanted:
            shapes = ", ".join(f"{key} {_load_member(archive, key, path).shape}" for key in keys)
            raise ValueError(
                f"{path} holds no array under a name that says it is the data. Name it 'x' (and "
                f"labels 'y'), or 'x_train', 'x_test', ...; found: {shapes or 'nothing'}."
            )
        splits = {}
        for split, (x_key, label_key) in wanted.items():
            x = _load_member(archive, x_key, path)
            label = _load_member(archive, label_key, path) if label_key else None
            splits[split] = examples_of(x, label, f"{path}[{x_key!r}]")
        return splits


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


def examples_of(x: np.ndarray, label: np.ndarray | None, origin: str) -> InMemory:
    """Checks an array and gives its axes a meaning.

    Args:
        x: `(n, features)`, `(n, height, width)` or `(n, height, width, channels)`, or with more
            axes, which stay as they are; integers, booleans or floats.
        label: `(n,)` or `None`.
        origin: file and key, for messages.

    Raises:
        ValueError: for another dtype or shape, no examples, NaN, or labels that do not fit.
    """
    if x.dtype.kind not in "biuf":
        raise ValueError(
            f"{origin} has dtype {x.dtype}; it must hold numbers. Convert it with "
            "array.astype('float32')."
        )
    if x.ndim < 2 or 0 in x.shape:
        raise ValueError(
            f"{origin} has shape {x.shape}; it must be (n, features), (n, height, width) or "
            "(n, height, width, channels), with at least one example."
        )
    if x.dtype.kind == "f":
        bad = ~np.isfinite(x)
        if bad.any():
            row = int(np.argwhere(bad)[0][0])
            raise ValueError(
                f"{origin} holds {int(bad.sum())} NaN or infinite values, the first in example "
                f"{row}; remove those examples or fill the values in."
            )
        x = x.astype(np.float32)
    if x.ndim == 3:
        x = x[..., None]
    if label is None:
        return InMemory(x)
    numbers, names = as_numbers(label, origin)
    if len(numbers) != len(x):
        raise ValueError(f"{origin} has {len(x)} examples but {len(numbers)} labels.")
    return InMemory(x, numbers, names)


def _load_numpy(path: Path) -> np.ndarray:
    try:
        return np.load(path, allow_pickle=False)
    except Exception as error:  # numpy raises many kinds for a damaged file
        raise ValueError(
            f"{path} cannot be read as NumPy data: {error}. Write it with numpy.save or "
            "numpy.savez, as an array of numbers."
        ) from error


def _load_member(archive: np.lib.npyio.NpzFile, key: str, path: Path) -> np.ndarray:
    try:
        return archive[key]
    except Exception as error:
        raise ValueError(f"{path}: array {key!r} cannot be read: {error}") from error


def _choose_keys(keys: list[str]) -> dict[str, tuple[str, str | None]]:
    """For each split the keys of data and labels; empty when it cannot be told."""
    lower = {key.lower(): key for key in keys}
    found = {}
    for suffix, split in SPLITS.items():
        x = next((lower[f"{n}_{suffix}"] for n in X_NAMES if f"{n}_{suffix}" in lower), None)
        y = next((lower[f"{n}_{suffix}"] for n in LABEL_NAMES if f"{n}_{suffix}" in lower), None)
        if x is not None:
            found[split] = (x, y)
    if found:
        return found
    x = next((lower[name] for name in X_NAMES if name in lower), None)
    y = next((lower[name] for name in LABEL_NAMES if name in lower), None)
    others = [key for key in keys if key != y]
    if x is None and len(others) == 1:
        x = others[0]
    return {"train": (x, y)} if x is not None else {}


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
