"""Reads the header and the pixels of one image file."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from PIL import Image

# Only these, because Pillow would hand others to external programs (EPS to Ghostscript).
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
_ORIENTATION = 0x0112  # EXIF tag: how the camera was held, 1 to 8
_ON_ITS_SIDE = (5, 6, 7, 8)
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R 601, the same as Pillow's


class Header(NamedTuple):
    """What is known about an image without decoding it.

    Attributes:
        size: (height, width) in pixels, after rotation by its EXIF orientation.
        is_colour: Whether it may hold colours.
        is_16_bit: Whether its values have 16 bits instead of 8.
    """

    size: tuple[int, int]
    is_colour: bool
    is_16_bit: bool


def read_header(path: Path) -> Header:
    """Reads an image's header.

    Raises:
        ValueError: If the file is not an image that can be read; the message names it.
    """
    with _opened(path) as image:
        width, height = image.size
        size = (width, height) if _orientation(image) in _ON_ITS_SIDE else (height, width)
        return Header(size, _is_colour(image), _is_16_bit(image))


def read_image(
    path: Path, shape: tuple[int, int, int], dtype: np.dtype, resize: bool
) -> np.ndarray:
    """Decodes an image: its first frame, upright, without its alpha channel.

    Args:
        path: The file.
        shape: (height, width, channels) of the result, with 1 or 3 channels.
        dtype: uint8 or uint16. For uint16, 8-bit values are scaled from 0-255 to 0-65,535.
        resize: Whether an image of another size is resized; if not, it is an error.

    Raises:
        ValueError: If the file cannot be read; the message names it.
    """
    with _opened(path) as image:
        orientation = _orientation(image)
        size = shape[1::-1] if orientation in _ON_ITS_SIDE else shape[:2]
        if _is_16_bit(image):
            pixels = _pixels_of_16_bits(path, image, shape[2])
            if resize and pixels.shape[:2] != size:
                with tf.device("CPU:0"):
                    pixels = resized(tf.constant(pixels), size).numpy()
        else:
            pixels = _pixels_of_8_bits(image, size if resize else None, shape[2])
        pixels = _upright(pixels, orientation)
        if dtype == np.uint16 and pixels.dtype == np.uint8:
            pixels = pixels * np.uint16(257)  # 255 becomes 65,535
        if pixels.shape != tuple(shape) or pixels.dtype != dtype:
            raise ValueError(
                f"it has changed to {pixels.shape}, {pixels.dtype}, since it was found"
            )
        return pixels


def resized(image: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    """Resizes `(height, width, channels)`; the dtype stays, and integers are rounded."""
    result = tf.image.resize(image, size, antialias=True)
    if image.dtype.is_integer:
        result = tf.round(tf.clip_by_value(result, image.dtype.min, image.dtype.max))
    return tf.cast(result, image.dtype)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Yields the open image; any error in the block becomes a `ValueError` that names the file."""
    try:
        with Image.open(path, formats=_FORMATS) as image:
            yield image
    except Exception as error:  # every decoder fails in its own way
        reason = str(error).split("\n")[0]
        if isinstance(error, Image.UnidentifiedImageError):
            reason = "its format is not supported"
        raise ValueError(
            f"{path} cannot be read as an image ({reason}); repair or remove it."
        ) from error


def _pixels_of_8_bits(image: Any, size: tuple[int, int] | None, channels: int) -> np.ndarray:
    mode = "L" if channels == 1 else "RGB"
    if size is not None:
        # A large JPEG is decoded at 1/2, 1/4 or 1/8 of its size, but no less than twice the size
        # asked for: eight times faster for a photo.
        image.draft(None, (2 * size[1], 2 * size[0]))
    image = image.convert(mode)
    if size is not None and image.size != size[::-1]:
        image = image.resize(size[::-1], Image.Resampling.BILINEAR)
    return np.asarray(image).reshape(image.height, image.width, channels)


def _pixels_of_16_bits(path: Path, image: Any, channels: int) -> np.ndarray:
    if image.format == "PNG":  # Pillow would reduce colours to 8 bits
        with tf.device("CPU:0"):
            pixels = tf.io.decode_png(path.read_bytes(), dtype=tf.uint16).numpy()
    else:
        pixels = np.asarray(image).astype(np.uint16)[..., None]
    pixels = pixels[..., : 1 if pixels.shape[-1] <= 2 else 3]  # without an alpha channel
    if pixels.shape[-1] == 1:
        return np.repeat(pixels, channels, axis=-1)
    return pixels if channels == 3 else np.rint(pixels @ _LUMA).astype(np.uint16)[..., None]


def _is_16_bit(image: Any) -> bool:
    if image.format == "PNG":
        # Byte 24 of a PNG file is its bit depth, which Pillow's mode does not show for colours.
        position = image.fp.tell()
        image.fp.seek(24)
        depth = image.fp.read(1)[0]
        image.fp.seek(position)
        return depth == 16
    if image.mode in ("I", "F"):
        raise ValueError("its values have 32 bits; only 8 and 16 are supported")
    return image.mode.startswith("I;16")


def _is_colour(image: Any) -> bool:
    if image.mode == "P":
        rawmode, palette = image.palette.getdata()
        if rawmode not in ("RGB", "BGR", "BGRX"):
            return True
        colours = np.frombuffer(palette, np.uint8)
        colours = colours[: len(colours) // len(rawmode) * len(rawmode)].reshape(-1, len(rawmode))
        return bool((colours[:, :3] != colours[:, :1]).any())
    return image.mode not in ("1", "L", "LA", "La", "I") and not image.mode.startswith("I;16")


def _orientation(image: Any) -> int:
    """Returns EXIF's orientation, 1 if Pillow itself applies it; decodes nothing."""
    if image.format == "TIFF" or (image.format == "PNG" and "exif" not in image.info):
        return 1  # Pillow rotates TIFF, and would decode a whole PNG file in search of EXIF data
    return image.getexif().get(_ORIENTATION, 1)


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Rotates and mirrors an image by its EXIF orientation, 1 to 8."""
    if orientation in _ON_ITS_SIDE:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels
