"""What a path holds and what can be written to it, by the look of it."""

from __future__ import annotations

from pathlib import Path

from tfae import endings
from tfae.endings import ARRAYS, has_ending, is_folder_of_tables, unknown_file

TABLES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet")
"""The tables that can be written; `tfae.endings` has those that can be read, which are more."""

ENDINGS = (".npy", *TABLES)


def ending_of(path: Path) -> str:
    """Returns the ending of a file that can be written; empty for another name or a folder."""
    name = path.name.lower()
    return next((ending for ending in ENDINGS if name.endswith(ending)), "")


def kind_of(data: str) -> str:
    """Returns what a name or path is, by the look of it: "images", "table" or "array".

    Data that has a name counts as an array.

    Raises:
        ValueError: If it is a file of another kind.
    """
    path = Path(data).expanduser()
    if path.is_dir():
        return "table" if is_folder_of_tables(path) else "images"
    if not path.exists() or has_ending(path, ARRAYS):
        return "array"
    if has_ending(path, endings.TABLES):
        return "table"
    raise unknown_file(path)
