"""Finds the images in a folder, and the splits and classes that its subfolders stand for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfae.data.examples import SPLITS
from tfae.endings import IMAGES, has_ending

_MASKS = "ground_truth"  # where MVTec AD keeps the masks of its defects


class Found(NamedTuple):
    """The images of one split.

    Attributes:
        paths: The files.
        label: Class of each, int64 `(n,)`, or `None`.
        class_names: Name of each class number, or `None`.
    """

    paths: list[Path]
    label: np.ndarray | None
    class_names: tuple[str, ...] | None


def find_images(folder: Path) -> tuple[dict[str, Found], list[Path]]:
    """Finds the images of each split.

    Subfolders called train, test and validation (or val) are splits. If none is called train, the
    folder itself is the training split, unless all of its subfolders are splits. Other subfolders
    are classes, numbered in alphabetical order; classes that do not occur in the training images,
    such as the defects in anomaly detection, come after those that do.

    Args:
        folder: An existing folder.

    Returns:
        The splits, "train" first, and what was left out: files that are not images, and folders
        next to those of the splits.

    Raises:
        ValueError: If a split has no images, or its classes are not clear.
        OSError: If a folder cannot be read.
    """
    parts, left_out = _parts(folder)
    known: tuple[str, ...] = ()
    found = {}
    for split in sorted(parts, key=lambda split: split != "train"):
        found[split], others = _find_classes(parts[split], known)
        left_out += others
        if split == "train":
            known = found[split].class_names or ()
    return found, left_out


def images_under(folder: Path) -> list[Path]:
    """Returns all images in a folder and those below it, sorted; hidden ones are left out.

    Raises:
        ValueError: If there are none.
        OSError: If a folder cannot be read.
    """
    images = [path for path in _files_under(folder) if _is_image(path) and _MASKS not in path.parts]
    if not images:
        raise ValueError(f"The folder {folder} holds no images ({', '.join(IMAGES)}).")
    return images


def _parts(folder: Path) -> tuple[dict[str, Path], list[Path]]:
    """Returns the folder of each split, and the images and folders that belong to none."""
    children = _children(folder)
    parts: dict[str, Path] = {}
    others = []
    for child in children:
        split = SPLITS.get(child.name.lower()) if child.is_dir() else None
        if split in parts:
            raise ValueError(
                f"{folder} has two folders for the split {split!r}: {parts[split].name} and "
                f"{child.name}. Rename one of them."
            )
        if split:
            parts[split] = child
        elif (child.is_dir() and child.name != _MASKS) or _is_image(child):
            others.append(child)
    if "train" in parts or (parts and not others):
        return parts, others
    return {"train": folder}, []


def _find_classes(folder: Path, known: tuple[str, ...]) -> tuple[Found, list[Path]]:
    """Returns the images of one split, and other files; `known` are the training classes."""
    children = _children(folder)
    here = [child for child in children if _is_image(child)]
    left_out = [child for child in children if child.is_file() and not _is_image(child)]
    classes = {}
    for child in children:
        if child.is_dir():
            files = _files_under(child)
            images = [path for path in files if _is_image(path)]
            left_out += [path for path in files if not _is_image(path)]
            if images:
                classes[_printable(child.name)] = images
    if not here and not classes:
        raise ValueError(
            f"The folder {folder} holds no images ({', '.join(IMAGES)}), neither directly nor in "
            "class subfolders."
        )
    if here and classes:
        raise ValueError(
            f"The folder {folder} holds images both directly ({here[0].name}, ...) and in "
            f"subfolders ({', '.join(classes)}). Put all of them in class subfolders, or none."
        )
    if here:
        return Found(here, None, known or None), left_out
    names = (*known, *(name for name in classes if name not in known))
    paths = [path for images in classes.values() for path in images]
    label = [names.index(name) for name, images in classes.items() for _ in images]
    return Found(paths, np.array(label, np.int64), names), left_out


def _children(folder: Path) -> list[Path]:
    return sorted(child for child in folder.iterdir() if not child.name.startswith("."))


def _files_under(folder: Path) -> list[Path]:
    """Returns all files at any depth, except hidden ones."""

    def fail(error: OSError) -> None:
        raise error  # otherwise a folder that cannot be read would count as empty

    files = []
    for parent, folders, names in os.walk(folder, onerror=fail):
        folders[:] = [name for name in folders if not name.startswith(".")]
        files += [Path(parent, name) for name in names if not name.startswith(".")]
    return sorted(files, key=lambda path: path.as_posix())


def _is_image(path: Path) -> bool:
    return has_ending(path, IMAGES) and path.is_file()


def _printable(name: str) -> str:
    """Returns a file name that may not be UTF-8 as text that can be printed and stored."""
    return name.encode("utf-8", "backslashreplace").decode()
