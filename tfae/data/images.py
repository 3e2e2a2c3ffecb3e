"""A folder of image files."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfae.data.examples import SPLITS, InMemory, ReadByRow, count_classes, on_host

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif")


def read_folder(
    folder: Path, image_size: tuple[int, int] | None, channels: int | None
) -> dict[str, ImageFiles]:
    """Reads PNG, JPEG, BMP and GIF files (of a GIF the first frame).

    Subfolders are classes: `folder/cat/1.png` has the label of "cat", the place of that name in
    alphabetical order. Subfolders called train, test and validation (or val) are splits, each with
    classes or without.

    Args:
        folder: an existing folder.
        image_size: (height, width) to resize every image to; `None` when all have one size.
        channels: 1 for grey, 3 for colour; `None` for what the first image of the folder has.

    Returns:
        The splits found, "train" when the folders tell none; x uint8 `(n, *shape)`, the shape being
        (height, width, channels).

    Raises:
        ValueError: when there are no images, or one cannot be read or has another size.
    """
    _check_size(image_size, channels)
    inside = {child.name.lower(): child for child in _children(folder) if child.is_dir()}
    parts = {SPLITS[name]: child for name, child in inside.items() if name in SPLITS}
    if "train" not in parts:
        parts = {"train": folder}
    splits = {}
    names: tuple[str, ...] | None = None
    shape = (*(image_size or (None, None)), channels)
    for split, part in sorted(parts.items(), key=lambda item: item[0] != "train"):
        paths, labels, names = _find_images(part, names)
        splits[split] = ImageFiles(paths, labels, names, shape, image_size is not None)
        shape = splits[split].shape  # that of training holds for all
    return splits


class ImageFiles(ReadByRow):
    """Images that stay in their files until their batch is due.

    Args:
        paths: the files.
        label: int64 `(n,)` or `None`.
        class_names: name of each class number, or `None`.
        shape: (height, width, channels); `None` entries are those of the first image.
        resize: whether images of another size are resized; else they are an error.
    """

    def __init__(
        self,
        paths: list[Path],
        label: np.ndarray | None,
        class_names: tuple[str, ...] | None,
        shape: tuple[int | None, int | None, int | None],
        resize: bool,
    ):
        self.paths = paths
        self.size, self.dtype = len(paths), np.dtype(np.uint8)
        self.label, self.has_labels, self.class_names = label, label is not None, class_names
        self.num_classes = count_classes(label, class_names)
        if None in shape:
            first = decode(paths[0], shape[2] or 0).shape
            first = (*first[:2], 1 if first[2] <= 2 else 3)  # an alpha channel does not count
            shape = tuple(s if s is not None else f for s, f in zip(shape, first, strict=True))
        self.shape, self.resize = shape, resize

    def take(self, rows: np.ndarray) -> ImageFiles:
        part = ImageFiles.__new__(ImageFiles)
        part.__dict__.update(self.__dict__)
        part.paths = [self.paths[row] for row in rows]
        part.size = len(part.paths)
        part.label = None if self.label is None else self.label[rows]
        return part

    def reader(self) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor | None]]:
        label = on_host(self.label)

        def read(rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
            x = tf.numpy_function(self._read, [rows], tf.uint8, stateful=False)
            x = tf.ensure_shape(x, (rows.shape[0], *self.shape))
            return x, None if label is None else tf.gather(label, rows)

        return read

    def in_memory(self) -> InMemory:
        # Not through tf.data, which would wrap the error of an image that cannot be read.
        return InMemory(self._read(np.arange(self.size)), self.label, self.class_names)

    def _read(self, rows: np.ndarray) -> np.ndarray:
        # TensorFlow decodes outside the interpreter's lock, so threads do run at once.
        with ThreadPoolExecutor() as pool:
            images = list(pool.map(self._image, rows))
        return np.stack(images)

    def _image(self, row: int) -> np.ndarray:
        path = self.paths[row]
        image = decode(path, self.shape[2])
        if image.shape == self.shape:
            return image
        if self.resize:
            return resized(tf.constant(image), self.shape[:2]).numpy()
        raise ValueError(
            f"{path} has the size {image.shape[0]}x{image.shape[1]}, but {self.paths[0]} has "
            f"{self.shape[0]}x{self.shape[1]}. Pass image_size=(height, width) to resize all."
        )


def resized(image: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    """`(height, width, channels)` in another size and the same dtype, rounded if that is whole."""
    result = tf.image.resize(image, size, antialias=True)
    if image.dtype.is_integer:
        result = tf.round(tf.clip_by_value(result, image.dtype.min, image.dtype.max))
    return tf.cast(result, image.dtype)


def decode(path: Path, channels: int) -> np.ndarray:
    """One image as uint8 `(height, width, channels)`; `channels=0` keeps the file's own.

    Raises:
        ValueError: naming the file, when it cannot be read.
    """
    try:
        with tf.device("CPU:0"):
            data = tf.io.read_file(str(path))
            image = tf.io.decode_image(data, channels=channels, expand_animations=False)
        return image.numpy()
    except tf.errors.OpError as error:
        reason = str(error.message).split("\n")[0].split(" [Op:")[0]
        raise ValueError(
            f"{path} cannot be read as an image ({reason}); repair or remove it."
        ) from error


def _children(folder: Path) -> list[Path]:
    return sorted(child for child in folder.iterdir() if not child.name.startswith("."))


def _images_under(folder: Path) -> list[Path]:
    files = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    visible = (p for p in files if not any(q.startswith(".") for q in p.relative_to(folder).parts))
    return sorted(visible, key=lambda path: path.as_posix())


def _find_images(
    folder: Path, known_classes: tuple[str, ...] | None
) -> tuple[list[Path], np.ndarray | None, tuple[str, ...] | None]:
    """Paths, labels and class names; `known_classes` are those of the training split."""
    here = [p for p in _children(folder) if p.suffix.lower() in SUFFIXES and p.is_file()]
    classes = {c.name: _images_under(c) for c in _children(folder) if c.is_dir()}
    classes = {name: paths for name, paths in classes.items() if paths}
    if not here and not classes:
        raise ValueError(
            f"The folder {folder} holds no images ({', '.join(SUFFIXES)}), neither itself nor in "
            "class subfolders."
        )
    if here and classes:
        raise ValueError(
            f"The folder {folder} holds images itself ({here[0].name}, ...) and in subfolders "
            f"({', '.join(classes)}). Put all of them in class subfolders, or none."
        )
    if here:
        return here, None, known_classes
    names = known_classes or tuple(classes)
    unknown = set(classes) - set(names)
    if unknown:
        raise ValueError(
            f"The folder {folder} has classes that the training images lack: "
            f"{', '.join(sorted(unknown))}."
        )
    paths = [path for name in classes for path in classes[name]]
    labels = [names.index(name) for name in classes for _ in classes[name]]
    return paths, np.array(labels, np.int64), names


def _check_size(image_size: tuple[int, int] | None, channels: int | None) -> None:
    if image_size is not None and (
        len(image_size) != 2 or any(int(s) != s or s < 1 for s in image_size)
    ):
        raise ValueError(f"image_size must be (height, width) in pixels, received {image_size!r}.")
    if channels not in (None, 1, 3):
        raise ValueError(f"channels must be 1 (grey), 3 (colour) or None, received {channels!r}.")
