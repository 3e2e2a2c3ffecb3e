"""What a path holds and what can be written to it, by the look of it."""

from __future__ import annotations

from pathlib import Path

TABLES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet")
ENDINGS = (".npy", *TABLES)


def ending_of(path: Path) -> str:
    """Returns the ending of a file that can be written; empty for another name or a folder."""
    name = path.name.lower()
    return next((ending for ending in ENDINGS if name.endswith(ending)), "")


def kind_of(data: str) -> str:
    """Returns what a name or path is, by the look of it: "images", "table" or "array".

    Data that has a name counts as an array.
    """
    path = Path(data).expanduser()
    if path.is_dir():
        return "table" if is_folder_of_tables(path) else "images"
    is_array = not path.exists() or path.suffix.lower() in (".npy", ".npz")
    return "array" if is_array else "table"


def is_folder_of_tables(path: Path) -> bool:
    """Whether a folder holds tables, and no other files."""
    names = [child.name for child in path.iterdir() if not child.name.startswith(".")]
    return bool(names) and all(ending_of(Path(name)) in TABLES for name in names)
