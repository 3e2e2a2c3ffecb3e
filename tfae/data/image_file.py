"""One image file: what its header says, and its pixels."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from PIL import Image

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")

# Only these: Pillow would hand other files to foreign programs (EPS to Ghostscript).
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
_ORIENTATION = 0x0112  # EXIF tag: how the camera was held, 1 to 8
_ON_ITS_SIDE = (5, 6, 7, 8)
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R 601, as Pillow has it


class Header(NamedTuple):
    """What is known of an image without decoding it.

    Attributes:
        size: (height, width) in pixels, as it is seen: turned as its EXIF data says.
        is_colour: whether it may hold colours.
        is_16_bit: whether its values have 16 bits, not 8.
    """

    size: tuple[int, int]
    is_colour: bool
    is_16_bit: bool


def read_header(path: Path) -> Header:
    """Reads a header.

    Raises:
        ValueError: naming the file, when it is no image that can be read.
    """
    with _opened(path) as image:
        width, height = image.size
        size = (width, height) if _orientation(image) in _ON_ITS_SIDE else (height, width)
        return Header(size, _is_colour(image), _is_16_bit(image))


def read_image(
    path: Path, shape: tuple[int, int, int], dtype: np.dtype, resize: bool
) -> np.ndarray:
    """Decodes an image: of several frames the first, upright, without its alpha channel.

    Args:
        path: the file.
        shape: (height, width, channels) of the result, with 1 or 3 channels.
        dtype: uint8, or uint16, to which 8-bit values 0 to 255 are spread out.
        resize: whether an image of another size is resized; else it is an error.

    Raises:
        ValueError: naming the file, when it cannot be read.
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
            raise ValueError(f"it has become {pixels.shape}, {pixels.dtype}, since it was found")
        return pixels


def resized(image: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    """`(height, width, channels)` in another size and the same dtype, rounded if that is whole."""
    result = tf.image.resize(image, size, antialias=True)
    if image.dtype.is_integer:
        result = tf.round(tf.clip_by_value(result, image.dtype.min, image.dtype.max))
    return tf.cast(result, image.dtype)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The image; whatever is raised within becomes a `ValueError` that names the file."""
    try:
        with Image.open(path, formats=_FORMATS) as image:
            yield image
    except Exception as error:  # every decoder fails in its own way
        reason = str(error).split("\n")[0]
        if isinstance(error, Image.UnidentifiedImageError):
            reason = "its content is of no kind that is read"
        raise ValueError(
            f"{path} cannot be read as an image ({reason}); repair or remove it."
        ) from error


def _pixels_of_8_bits(image: Any, size: tuple[int, int] | None, channels: int) -> np.ndarray:
    mode = "L" if channels == 1 else "RGB"
    if size is not None:
        # A large JPEG is decoded at 1/2, 1/4 or 1/8 of its size, as long as that leaves twice what
        # is asked for: eight times faster for a photo.
        image.draft(None, (2 * size[1], 2 * size[0]))
    image = image.convert(mode)
    if size is not None and image.size != size[::-1]:
        image = image.resize(size[::-1], Image.Resampling.BILINEAR)
    return np.asarray(image).reshape(image.height, image.width, channels)


def _pixels_of_16_bits(path: Path, image: Any, channels: int) -> np.ndarray:
    if image.format == "PNG":  # Pillow would make 8 bits of colours
        with tf.device("CPU:0"):
            pixels = tf.io.decode_png(path.read_bytes(), dtype=tf.uint16).numpy()
    else:
        pixels = np.asarray(image).astype(np.uint16)[..., None]
    pixels = pixels[..., : 1 if pixels.shape[-1] <= 2 else 3]  # an alpha channel does not count
    if pixels.shape[-1] == 1:
        return np.repeat(pixels, channels, axis=-1)
    return pixels if channels == 3 else np.rint(pixels @ _LUMA).astype(np.uint16)[..., None]


def _is_16_bit(image: Any) -> bool:
    if image.format == "PNG":
        # Byte 24 of a PNG file is its depth; Pillow's mode hides it for colours.
        position = image.fp.tell()
        image.fp.seek(24)
        depth = image.fp.read(1)[0]
        image.fp.seek(position)
        return depth == 16
    if image.mode in ("I", "F"):
        raise ValueError("its values have 32 bits; 8 and 16 are read")
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
    """EXIF's number, of what Pillow does not turn by itself; decodes nothing."""
    if image.format == "TIFF" or (image.format == "PNG" and "exif" not in image.info):
        return 1  # Pillow turns TIFF, and would decode all of a PNG file in search of EXIF data
    return image.getexif().get(_ORIENTATION, 1)


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turns and mirrors an image as EXIF's orientation, 1 to 8, says."""
    if orientation in _ON_ITS_SIDE:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels
