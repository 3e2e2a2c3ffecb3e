"""The endings of files that can be read, and what each says about a file."""

from pathlib import Path

COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".lz4": "lz4"}
"""How a CSV file is compressed, in pyarrow's words, by the last part of its name."""

ARRAYS = (".npy", ".npz")
CSV = tuple(f"{kind}{packed}" for packed in ("", *COMPRESSIONS) for kind in (".csv", ".tsv"))
PARQUET = (".parquet", ".pq")
TABLES = (*CSV, *PARQUET)
IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
_SHEETS = (".xlsx", ".xls", ".ods")


def has_ending(path: Path, endings: tuple[str, ...]) -> bool:
    """Whether a file's name ends in one of `endings`, in upper or lower case."""
    return path.name.lower().endswith(endings)


def is_folder_of_tables(path: Path) -> bool:
    """Whether a folder holds tables, and no other files."""
    children = [child for child in path.iterdir() if not child.name.startswith(".")]
    return bool(children) and all(has_ending(child, TABLES) for child in children)


def unknown_file(path: Path) -> ValueError:
    """Returns the error of a file that is of no kind that can be read."""
    hint = ""
    if has_ending(path, IMAGES):
        hint = " For images, pass their folder."
    elif has_ending(path, _SHEETS):
        hint = " Save the sheet as a .csv file."
    kinds = f"{', '.join(ARRAYS)}, .csv (.tsv, compressed or not), .parquet or a folder of images"
    return ValueError(f"{path} is not a supported kind of file; use {kinds}.{hint}")
