"""Reads a folder of image files."""

from __future__ import annotations

import collections
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from tfae.arguments import whole_number
from tfae.data.examples import InFiles, count_classes
from tfae.data.image_file import Header, read_header, read_image
from tfae.data.image_folder import Found, find_images

_THREADS = 8  # that read files: decoding releases the interpreter's lock, and disks are slow


def read_folder(
    folder: Path, image_size: tuple[int, int] | None, channels: int | None
) -> dict[str, ImageFiles]:
    """Opens a folder of PNG, JPEG, BMP, GIF, WebP and TIFF files; the first frame of each is used.

    Images are rotated by their EXIF orientation. `folder/cat/1.png` has the class "cat", and the
    folders train, test and validation are splits: see `tfae.data.image_folder`.

    Only the headers of the files are read now. They decide whether the data is in colour, and
    whether it has 16 bits.

    Args:
        folder: An existing folder.
        image_size: (height, width) to resize every image to; `None` if all have the same size.
        channels: 1 for grey, 3 for colour; `None` for colour if any image has it.

    Returns:
        The splits found, or only "train" if no folder is a split. x is `(n, height, width,
        channels)` of uint8, or uint16 if any image has 16 bits.

    Raises:
        ValueError: If there are no images, one cannot be read, or their sizes differ.
        OSError: If a folder cannot be read.
    """
    _check_size(image_size, channels)
    found, left_out = find_images(folder)
    if left_out:
        names = ", ".join(str(path.relative_to(folder)) for path in left_out[:3])
        warnings.warn(
            f"Left out of {folder} as unsupported: {len(left_out)} "
            f"({names}{', ...' if len(left_out) > 3 else ''}).",
            stacklevel=2,
        )
    paths = [path for part in found.values() for path in part.paths]
    with ThreadPoolExecutor(_THREADS) as pool:
        headers = list(pool.map(read_header, paths))
    size = tuple(map(int, image_size)) if image_size else _common_size(folder, paths, headers)
    shape = (*size, channels or (3 if any(header.is_colour for header in headers) else 1))
    dtype = np.dtype(np.uint16 if any(header.is_16_bit for header in headers) else np.uint8)
    resize = image_size is not None
    return {split: ImageFiles(part, shape, dtype, resize) for split, part in found.items()}


class ImageFiles(InFiles):
    """Images that stay in their files until their batch is needed.

    Args:
        found: The files and their classes.
        shape: (height, width, channels) of every image.
        dtype: uint8 or uint16.
        resize: Whether images of another size are resized; if not, they are an error.
    """

    def __init__(self, found: Found, shape: tuple[int, int, int], dtype: np.dtype, resize: bool):
        self.paths, self.label, self.class_names = found
        self.size, self.shape, self.dtype, self.resize = len(self.paths), shape, dtype, resize
        self.has_labels = self.label is not None
        self.num_classes = count_classes(self.label, self.class_names)

    def take(self, rows: np.ndarray) -> ImageFiles:
        paths = [self.paths[row] for row in rows]
        label = None if self.label is None else self.label[rows]
        found = Found(paths, label, self.class_names)
        return ImageFiles(found, self.shape, self.dtype, self.resize)

    def read(self, rows: np.ndarray) -> np.ndarray:
        x = np.empty((len(rows), *self.shape), self.dtype)

        def fill(i: int) -> None:
            x[i] = read_image(self.paths[rows[i]], self.shape, self.dtype, self.resize)

        with ThreadPoolExecutor(_THREADS) as pool:
            collections.deque(pool.map(fill, range(len(rows))), maxlen=0)
        return x


def _common_size(folder: Path, paths: list[Path], headers: list[Header]) -> tuple[int, int]:
    """Returns the size of all images, or raises a `ValueError` that lists their sizes."""
    counts = collections.Counter(header.size for header in headers)
    if len(counts) == 1:
        return headers[0].size
    examples = {header.size: path for header, path in zip(headers, paths, strict=True)}
    sizes = ", ".join(
        f"{size[0]}x{size[1]} ({count}, such as {examples[size].relative_to(folder)})"
        for size, count in counts.most_common(3)
    )
    raise ValueError(
        f"The images of {folder} have {len(counts)} sizes (height x width): {sizes}"
        f"{', ...' if len(counts) > 3 else ''}. Pass image_size=(height, width) to resize all, "
        f"for example to {_advised_size(counts.most_common(1)[0][0])}."
    )


def _advised_size(size: tuple[int, int]) -> str:
    """Returns a size of the same aspect ratio, with at most 64 pixels on the shorter side."""
    factor = min(1.0, 64 / min(size))
    return f"{round(size[0] * factor)}x{round(size[1] * factor)}"


def _check_size(image_size: tuple[int, int] | None, channels: int | None) -> None:
    if image_size is not None:
        if not isinstance(image_size, (tuple, list)) or len(image_size) != 2:
            raise ValueError(
                f"`image_size` must be (height, width) in pixels; received {image_size!r}."
            )
        for pixels in image_size:
            whole_number("image_size", pixels, minimum=1)
    if channels not in (None, 1, 3):
        raise ValueError(f"`channels` must be 1 (grey), 3 (colour) or None; received {channels!r}.")
