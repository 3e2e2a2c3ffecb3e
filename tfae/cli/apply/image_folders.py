"""Reads a folder of images part by part, and writes folders of images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfae.cli.apply.reader import Part, Reader
from tfae.data.image_file import read_header, read_image
from tfae.data.image_folder import images_under

_THREADS = 8  # that decode and encode files, which releases the interpreter's lock


class ImageReader(Reader):
    """All images in a folder and those below it, in the order of their paths.

    Args:
        folder: The folder.
        shape: (height, width, channels) that the model takes.
        of_data: How the run read its training data: "image_size", "scale", and "dtype" if known.
        classes: Class names of the training data; the folder of an image is its class.

    Raises:
        ValueError: If there are no images, one cannot be read, or one has another size and the run
            did not resize its own.
    """

    place, counted = "path", "images"

    def __init__(
        self,
        folder: Path,
        shape: tuple[int | None, ...],
        of_data: dict[str, Any],
        classes: Sequence[str] = (),
    ):
        self.name, self.folder, self._classes = str(folder), folder, list(classes)
        if len(shape) != 3:
            raise ValueError(
                f"{folder} is a folder of images, but the run was trained on examples of shape "
                f"{shape}."
            )
        self.paths = images_under(folder)
        self.shape, self._resize = shape, of_data.get("image_size") is not None
        by_dtype = of_data["scale"] == "auto"  # scales both depths to [0, 1]
        is_16_bit = of_data.get("dtype") == "uint16"
        with ThreadPoolExecutor(_THREADS) as pool:
            for path, header in zip(self.paths, pool.map(read_header, self.paths), strict=True):
                is_16_bit |= header.is_16_bit
                if header.is_16_bit and of_data.get("dtype") == "uint8" and not by_dtype:
                    raise ValueError(
                        f"{path} has values of 16 bits, but the run was trained on 8 bits. Convert "
                        "it to 8 bits."
                    )
                if not self._resize and header.size != shape[:2]:
                    height, width = header.size
                    raise ValueError(
                        f"{path} has {height}x{width} pixels (height x width), but the run was "
                        f"trained on images of {shape[0]}x{shape[1]} and did not resize them. "
                        "Resize it first, or train with --image-size."
                    )
        self.dtype = np.dtype(np.uint16 if is_16_bit else np.uint8)

    def parts(self, rows: int) -> Iterator[Part]:
        with ThreadPoolExecutor(_THREADS) as pool:
            for first in range(0, len(self.paths), rows):
                paths = self.paths[first : first + rows]
                x = np.stack(list(pool.map(self._read, paths)))
                done = (first + len(paths)) / len(self.paths)
                yield Part(first, x, self._label(paths), done, kept=paths)

    def _read(self, path: Path) -> np.ndarray:
        return read_image(path, self.shape, self.dtype, self._resize)

    def _label(self, paths: list[Path]) -> np.ndarray | None:
        if not self._classes:
            return None
        numbers = {name: number for number, name in enumerate(self._classes)}
        return np.array([numbers.get(path.parent.name, -1) for path in paths], np.int64)

    def place_of(self, part: Part, i: int) -> str:
        return part.kept[i].relative_to(self.folder).as_posix()

    def where(self, part: Part, i: int) -> str:
        return str(part.kept[i])


class ImageWriter:
    """Writes images into a folder, under the paths that they were read from, as PNG files.

    Args:
        folder: An empty folder, or one that does not exist yet.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        self._written: set[str] = set()

    def append(self, places: Sequence[str], images: np.ndarray) -> None:
        """Writes images `(n, height, width, channels)`, uint8 or uint16, under relative paths."""
        files = [self._file(place) for place in places]
        for folder in {file.parent for file in files}:
            folder.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(_write_png, files, images))

    def _file(self, place: str) -> Path:
        name = str(Path(place).with_suffix(".png"))
        if name in self._written:  # as of a.jpg beside a.png
            name = f"{place}.png"
        self._written.add(name)
        return self._folder / name


def _write_png(file: Path, image: np.ndarray) -> None:
    with tf.device("CPU:0"):
        file.write_bytes(tf.io.encode_png(image).numpy())
