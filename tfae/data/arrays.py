"""Reads arrays from .npy and .npz files."""

from __future__ import annotations

import math
import warnings
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from tfae.data.class_numbers import as_numbers
from tfae.data.examples import SPLITS, InMemory
from tfae.data.stored_array import Location, StoredArray, dtype_in_memory, locate
from tfae.tables.reading.dialect import LABEL_NAMES

X_NAMES = ("x", "data", "images", "image", "arr_0")

_ADVICE = "Write it with numpy.save or numpy.savez, as an array of numbers."


def read_arrays(
    path: Path, memory_limit: int, missing: bool = False
) -> dict[str, InMemory | StoredArray]:
    """Reads one array (.npy) or several (.npz); the content decides, not the file's name.

    In an archive (.npz) the data is called "x" (or "data", "images", "image", "arr_0", or it is the
    only array), and the labels "y" (or "label", "labels", "target", "targets", "class"). Splits are
    called "x_train", "y_train", "x_test", ..., as Keras writes them. `examples_of` says what the
    axes of an array mean.

    Args:
        path: The file.
        memory_limit: In bytes. An array that takes more as float32 stays in its file, unless it is
            compressed or in Fortran order.
        missing: Whether NaN stands for a missing value, and is no error.

    Returns:
        The splits found; only "train" if the names mention none.

    Raises:
        ValueError: If the file cannot be read or used; the message names it.
    """
    with path.open("rb") as file:
        magic = file.read(6)
    if magic[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return _read_archive(path, memory_limit, missing)
    if magic != b"\x93NUMPY":
        what = "it is empty" if not magic else "its content is not a NumPy array"
        raise ValueError(f"{path} cannot be read as NumPy data: {what}. {_ADVICE}")
    try:
        location = _stays_in_file(path, None, memory_limit)
        x = location or np.load(path, allow_pickle=False)
    except Exception as error:  # NumPy raises many kinds of errors for a damaged file
        raise ValueError(f"{path} cannot be read as NumPy data: {error}. {_ADVICE}") from error
    return {"train": examples_of(x, None, str(path), path, missing=missing)}


def _read_archive(
    path: Path, memory_limit: int, missing: bool
) -> dict[str, InMemory | StoredArray]:
    try:
        archive = np.load(path, allow_pickle=False)
    except Exception as error:
        raise ValueError(f"{path} cannot be read as NumPy data: {error}. {_ADVICE}") from error
    with archive:
        keys = list(archive.keys())
        wanted = _choose_keys(keys)
        if not wanted:
            shapes = ", ".join(f"{key} {_load_member(archive, key, path).shape}" for key in keys)
            raise ValueError(
                f"{path} holds no array with one of the names for data. Name it 'x' (and the "
                f"labels 'y'), or 'x_train', 'x_test', ...; found: {shapes or 'nothing'}."
            )
        left_out = sorted(set(keys) - {key for pair in wanted.values() for key in pair})
        if left_out:
            warnings.warn(f"Left out of {path}: {', '.join(left_out)}.", stacklevel=2)
        splits = {}
        known: tuple[str, ...] = ()
        for split, (x_key, label_key) in wanted.items():
            x = _stays_in_file(path, x_key, memory_limit) or _load_member(archive, x_key, path)
            label = _load_member(archive, label_key, path) if label_key else None
            splits[split] = examples_of(x, label, f"{path}[{x_key!r}]", path, known, missing)
            if split == "train":  # it comes first
                known = splits[split].class_names or ()
            elif splits[split].class_names and not known and _is_labelled(splits.get("train")):
                raise ValueError(
                    f"{path}[{label_key!r}]: the labels are names here, but numbers in the "
                    "training split."
                )
        return splits


def examples_of(
    x: np.ndarray | Location,
    label: np.ndarray | None,
    origin: str,
    path: Path | None = None,
    known: tuple[str, ...] = (),
    missing: bool = False,
    file: BinaryIO | None = None,
) -> InMemory | StoredArray:
    """Checks an array, and makes the examples of a split from it.

    Args:
        x: `(n, features)`, `(n, height, width)`, `(n, height, width, channels)`, or an array with
            more axes, which stay as they are. Integers, booleans or floats, in memory or in a file.
        label: `(n,)` or `None`.
        origin: File and key, for messages.
        path: The file, if `x` stays in it.
        known: Class names of the training split.
        missing: Whether NaN stands for a missing value, and is no error.
        file: The file of `x`, if it is open already; `path` is then its name in messages.

    Raises:
        ValueError: If the dtype or shape is another, there are no examples, values are NaN or
            infinite, or the labels do not fit.
    """
    if x.dtype.kind not in "biuf":
        raise ValueError(
            f"{origin} has dtype {x.dtype}; it must hold numbers. Convert it with "
            "array.astype('float32')."
        )
    if len(x.shape) < 2 or 0 in x.shape:
        raise ValueError(
            f"{origin} has shape {x.shape}; it must be (n, features), (n, height, width) or "
            "(n, height, width, channels), with at least one example."
        )
    shape = (*x.shape[1:], 1) if len(x.shape) == 3 else x.shape[1:]
    numbers, names = (None, None) if label is None else as_numbers(label, origin, known)
    if numbers is not None and len(numbers) != x.shape[0]:
        raise ValueError(f"{origin} has {x.shape[0]} examples but {len(numbers)} labels.")
    if isinstance(x, Location):
        examples = StoredArray(path, x, shape, numbers, names, file=file)
    else:
        with np.errstate(over="ignore"):  # values too large for float32 become infinite
            x = x.astype(dtype_in_memory(x.dtype), copy=False)
        examples = InMemory(x.reshape(-1, *shape), numbers, names)
    if examples.dtype.kind == "f":
        _check_finite(examples.parts(), origin, missing)
    return examples


def _is_labelled(examples: InMemory | StoredArray | None) -> bool:
    return examples is not None and examples.has_labels


def _check_finite(parts: Iterable[np.ndarray], origin: str, missing: bool) -> None:
    count, first, start = 0, 0, 0
    for part in parts:
        rows = part.reshape(len(part), -1)
        bad = np.isinf(rows) if missing else ~np.isfinite(rows)
        if bad.any():
            first = first if count else start + int(bad.any(axis=1).argmax())
            count += int(bad.sum())
        start += len(part)
    if count:
        raise ValueError(
            f"{origin} holds {count} {'infinite' if missing else 'NaN or infinite'} values (as "
            f"float32), the first in example {first}. Remove those examples, or fill in the values"
            f"{'' if missing else '; for a model with missing values pass missing=True'}."
        )


def _stays_in_file(path: Path, member: str | None, memory_limit: int) -> Location | None:
    """Returns where in its file a large array lies, or `None` if it is to be read into memory."""
    try:
        location = locate(path, member)
    except ValueError:  # reading the array will raise it again, with an explanation
        return None
    if location is None or 4 * math.prod(location.shape) <= memory_limit:
        return None
    return location


def array_names(path: Path, split: str | None) -> tuple[str, str | None]:
    """Returns the names of the data and of the labels in an `.npz` file.

    Args:
        path: The file.
        split: The split; `None` if there is only one.

    Returns:
        The names, that of the labels `None` if there are none.

    Raises:
        ValueError: If the file has no such split, or several and `split` is `None`.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            keys = [name.removesuffix(".npy") for name in archive.namelist()]
    except (OSError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} cannot be read as NumPy data: {error}. {_ADVICE}") from error
    names = _choose_keys(keys)
    if split is None and len(names) == 1:
        return next(iter(names.values()))
    if split in names:
        return names[split]
    wanted = "Choose one of its splits" if split is None else f"There is no split {split!r}"
    raise ValueError(f"{path}: {wanted} (split=); it has {', '.join(names) or 'no data'}.")


def _load_member(archive: np.lib.npyio.NpzFile, key: str, path: Path) -> np.ndarray:
    try:
        x = archive[key]
    except Exception as error:
        raise ValueError(f"{path}: array {key!r} cannot be read: {error}") from error
    if not isinstance(x, np.ndarray):
        raise ValueError(f"{path}: {key!r} is not an array. {_ADVICE}")
    return x


def _choose_keys(keys: list[str]) -> dict[str, tuple[str, str | None]]:
    """Returns the keys of each split's data and labels; empty if the names do not tell them."""
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
