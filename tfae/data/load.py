"""`tfae.data.load`, which turns a name or path into a dataset for `fit`."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import tensorflow as tf

from tfae.arguments import non_negative
from tfae.data.arrays import read_arrays
from tfae.data.digits import read_digits
from tfae.data.images import read_folder
from tfae.data.mixed_table import read_mixed
from tfae.data.number_tables import read_csv
from tfae.data.scaling import Scaling
from tfae.data.source import Source
from tfae.data.tfds import catalogue, read_tfds
from tfae.endings import ARRAYS, CSV, IMAGES, TABLES, has_ending, unknown_file
from tfae.tables import TableSchema


def load(
    name_or_path: str | os.PathLike,
    split: str = "train",
    batch_size: int | None = None,
    labels: bool = False,
    data_dir: str | os.PathLike | None = None,
    *,
    shuffle: bool | None = None,
    seed: int = 0,
    initial_epoch: int = 0,
    drop_remainder: bool = False,
    validation_split: float = 0.0,
    binarize: str | None = None,
    scale: str | float | Scaling | None = "auto",
    image_size: tuple[int, int] | None = None,
    channels: int | None = None,
    label_column: str | int | bool | None = None,
    header: bool | None = None,
    memory_limit: int = 2**30,
) -> tf.data.Dataset:
    """Loads data as a `tf.data.Dataset` of float32.

    Shuffled data comes in a new order in each pass, which depends only on the seed and the number
    of the pass. A dataset counts its passes. The `fit` of tfae's models sets that number to the
    epoch, so `fit(dataset, initial_epoch=5)` continues exactly as an interrupted run would have.
    The callback `tfae.batches.order_callbacks.EpochOrder` does the same for other Keras models.

    Args:
        name_or_path: One of the following; a path that exists comes first.

            * `"digits"`: 1,797 handwritten digits, 8x8, that come with scikit-learn (no network);
            * a `.npy`, `.npz` or `.csv` file, see `tfae.data.arrays` and `tfae.data.number_tables`;
            * a folder of images, whose subfolders are classes, see `tfae.data.images`;
            * the name of a data set in TensorFlow Datasets, such as `"mnist"`.
        split: `"train"`, `"test"`, `"validation"`, or another that the data has.
        batch_size: Examples in a batch; the last batch may be smaller. `None` for single examples.
        labels: Whether to yield `{"x": x, "label": label}`; labels are int64, -1 for unlabelled.
        data_dir: Folder of prepared TensorFlow Datasets; `None` for the environment variable
            `TFDS_DATA_DIR`, else `~/tensorflow_datasets`.
        shuffle: Whether to shuffle; by default only `"train"` is. Unshuffled data is the same in
            every pass, even with dynamic binarization.
        seed: Integer that determines the order and the binarization.
        initial_epoch: Number of the first pass.
        drop_remainder: Whether to drop the last batch if it is not full.
        validation_split: Fraction of the training examples that go to `"validation"` instead of
            `"train"`. They are chosen at random, but are the same for every `seed`.
        binarize: `None`; `"threshold"`: 1 where x is at least 0.5; `"static"`: each value is drawn
            once, 1 with probability x (Larochelle and Murray, 2011); `"dynamic"`: drawn anew in
            every pass (Salakhutdinov and Murray, 2008). Values that `scale="minmax"` or a `Scaling`
            brings outside [0, 1] count as the nearer end.
        scale: `"auto"`: unsigned 8-bit integers are divided by 255 and unsigned 16-bit integers by
            65,535. Images in wider integers are divided by 255 if their values lie in 0 to 255.
            Everything else stays as it is. `None`: nothing is scaled. A number: x is divided by it.
            `"minmax"`: each feature's range in the training split becomes [0, 1], so that other
            splits may exceed it. `"standard"`: each feature gets mean 0 and standard deviation 1 in
            the training split. A `tfae.data.Scaling`: that one.
        image_size: (height, width) to resize images to; needed if their sizes differ.
        channels: 1 for grey and 3 for colour images; `None` for images as stored, which for a
            folder means colour if any image has it.
        label_column: Name or number of the column of a `.csv` file that holds the label; `False` or
            "none" if no column does, although one is named like a label.
        header: Whether the first line of a `.csv` file holds names; `None` to detect it.
        memory_limit: In bytes. A split that takes more as float32 is read from disk in each pass;
            compressed arrays are kept in memory in any case.

    Returns:
        A prefetched dataset of known cardinality. x is `(batch, height, width, channels)` for
        images, `(batch, features)` for tables, and so on.

    Raises:
        ValueError: If the name is unknown, or the data or an argument cannot be used. The message
            says what to do.
        FileNotFoundError: If there is nothing at the path.
        ConnectionError: If a data set must be downloaded and cannot be.
    """
    source = find(
        name_or_path,
        data_dir,
        image_size=image_size,
        channels=channels,
        label_column=label_column,
        header=header,
        memory_limit=memory_limit,
    )
    return source.load(
        split,
        batch_size,
        labels,
        shuffle=shuffle,
        seed=seed,
        initial_epoch=initial_epoch,
        drop_remainder=drop_remainder,
        validation_split=validation_split,
        binarize=binarize,
        scale=scale,
    )


def find(
    name_or_path: str | os.PathLike,
    data_dir: str | os.PathLike | None = None,
    *,
    image_size: tuple[int, int] | None = None,
    channels: int | None = None,
    label_column: str | int | bool | None = None,
    header: bool | None = None,
    memory_limit: int = 2**30,
    missing: bool = False,
    schema: TableSchema | Literal["infer"] | None = None,
    kinds: Mapping[str, str] | None = None,
    formats: Mapping[str, str] | None = None,
    transforms: Mapping[str, str] | None = None,
    encoding: str = "utf-8",
    decimal: str | None = None,
) -> Source:
    """Finds out what a name or path means, and opens it.

    Use it instead of `load` if you need several splits, or their shapes and sizes.

    Args:
        name_or_path, data_dir, image_size, channels, label_column, header, memory_limit: The same
            as for `load`.
        missing: Whether NaN in .npy and .npz files is a missing value, for models with
            missing="mask", and no error.
        schema: For tables of mixed columns, which may be Parquet files and folders of files, too: a
            `TableSchema`, which encodes the table, or "infer" to find it out. `None` for a .csv
            file of numbers, which stay as they are.
        kinds, formats, transforms: With schema="infer", kinds of columns, formats of times and
            transforms of numbers by name; see `TableSchema.infer`.
        encoding, decimal: How the text of .csv files is encoded, and their decimal sign, "." or
            ","; `None` to detect it.

    Returns:
        The source: `source.load(split, ...)` returns datasets, `source.describe(split)` sizes.
    """
    if not isinstance(name_or_path, (str, os.PathLike)):
        raise ValueError(
            f"name_or_path must be a name or path; received {type(name_or_path).__name__}. Pass "
            "arrays to fit directly."
        )
    non_negative("memory_limit", memory_limit)
    name = os.fspath(name_or_path)
    if not name:
        raise ValueError("name_or_path is empty.")
    if "://" in name:
        raise ValueError(f"{name!r} is a URL. Download it, and pass the path of the file.")
    path = Path(name_or_path).expanduser()
    if schema is not None:
        known = None if schema == "infer" else schema
        overrides = {"kinds": kinds, "formats": formats, "transforms": transforms}
        how = {"header": header, "encoding": encoding, "decimal": decimal}
        read = read_mixed(path, known, memory_limit, label_column, overrides=overrides, **how)
        return Source(name, read[0], memory_limit, read[1])
    of_tables = {"label_column": label_column, "header": header}
    _check_use(name, path, data_dir=data_dir, image_size=image_size, channels=channels, **of_tables)
    if name == "digits":
        splits = read_digits()
    elif path.is_dir():
        splits = read_folder(path, image_size, channels)
    elif path.is_file():
        how = {"encoding": encoding, "decimal": decimal}
        splits = _read_file(path, memory_limit, missing, **of_tables, **how)
    elif isinstance(name_or_path, os.PathLike) or _looks_like_a_path(name):
        raise FileNotFoundError(f"There is nothing at {path.absolute()}.")
    else:
        _check_name(name)
        splits = read_tfds(name, data_dir, image_size, channels)
    return Source(name, splits, memory_limit)


def _check_use(name: str, path: Path, **options: Any) -> None:
    """Raises `ValueError` for an option that does not apply to this kind of data."""
    is_table = has_ending(path, CSV)
    is_array = name == "digits" or path.is_file()
    kinds_of_data = {
        "data_dir": ("names of TensorFlow Datasets", not (is_array or path.is_dir())),
        "label_column": ("tables (.csv)", is_table),
        "header": ("tables (.csv)", is_table),
        "image_size": ("images in folders or by name", not is_array),
        "channels": ("images in folders or by name", not is_array),
    }
    for option, value in options.items():
        kinds, applies = kinds_of_data[option]
        if value is not None and not applies:
            raise ValueError(f"{option}={value!r} is for {kinds}, not for {name!r}.")


def _read_file(path: Path, memory_limit: int, missing: bool, **of_tables: Any) -> dict:
    if has_ending(path, ARRAYS):
        return read_arrays(path, memory_limit, missing)
    if has_ending(path, CSV):
        return read_csv(path, **of_tables, memory_limit=memory_limit)
    if has_ending(path, TABLES):
        raise ValueError(f"{path} is a table of columns that have types; pass schema='infer'.")
    raise unknown_file(path)


def _looks_like_a_path(name: str) -> bool:
    return name.startswith((".", "/", "~")) or name.lower().endswith((*ARRAYS, *TABLES, *IMAGES))


def _check_name(name: str) -> None:
    """Raises `ValueError` for a name that is not in the catalogue."""
    base = name.split("/")[0].split(":")[0]
    names = catalogue()
    if base in names:
        return
    near = difflib.get_close_matches(base, ["digits", *names], n=3)
    raise ValueError(
        f"{name!r} is neither 'digits', nor a name in TensorFlow Datasets, nor an existing file "
        f"({', '.join(ARRAYS)}, .csv, .parquet) or folder of images."
        + (f" Did you mean {' or '.join(map(repr, near))}?" if near else "")
    )
