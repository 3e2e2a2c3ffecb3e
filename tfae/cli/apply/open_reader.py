"""Decides what kind of data a name or path means, and opens its reader."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfae.cli.apply.reader import Reader
from tfae.cli.data_kinds import kind_of

if TYPE_CHECKING:
    import keras


def open_reader(
    data: str,
    model: keras.Model,
    config: dict[str, Any],
    split: str | None = None,
    delimiter: str | None = None,
) -> Reader:
    """Opens data for a run.

    Args:
        data: Name or path; a path that exists comes first.
        model: The run's model.
        config: The run's configuration.
        split: Split of data that has several.
        delimiter: What stands between the cells of a .csv file; `None` to detect it.

    Raises:
        ValueError: If it is no data, or does not fit the run; the message says why.
        FileNotFoundError: If there is nothing at the path.
    """
    path = Path(data).expanduser()
    shape = model.data_contract().input_shape
    classes = tuple(config.get("classes") or ()) if model.conditional else ()
    kind = kind_of(data)
    if kind == "images":
        from tfae.cli.apply.image_folders import ImageReader

        return ImageReader(path, shape, config["data"], classes)
    if kind == "array" and path.exists():
        from tfae.cli.apply.array_files import ArrayReader

        return ArrayReader(path, split, shape, classes)
    if kind == "table":
        from tfae.cli.apply.table_files import TableReader

        return TableReader(path, model, config, classes, delimiter)
    from tfae import data as datasets
    from tfae.cli.apply.named_data import NamedReader

    of_data = config["data"]
    reading = {key: of_data[key] for key in ("data_dir", "image_size", "channels")}
    if data == "digits":
        reading = {}
    return NamedReader(datasets.find(data, memory_limit=0, **reading), split, shape)
