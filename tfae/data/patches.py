"""Cuts images into patches and signals into windows, and joins them again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfae.arguments import whole_number
from tfae.data.whitening import Whitening

__all__ = ["Whitening", "cut", "join", "remove_mean"]


def cut(
    x: np.ndarray | Sequence[np.ndarray],
    size: int | Sequence[int],
    count: int | None = None,
    stride: int = 1,
    seed: int | None = None,
) -> np.ndarray:
    """Cuts patches out of images, or windows out of signals.

    Only what is returned is copied, so images may be large and memory-mapped.

    Args:
        x: One image `(height, width)` or `(height, width, channels)`, one signal `(length,)` or
            `(length, channels)`, or a list of them, of any sizes.
        size: Size of a patch, `(height, width)`, or length of a window.
        count: Number of patches to draw, with every position in every image equally likely; `None`
            takes the patches of a grid.
        stride: Distance between the patches of a grid. Its last row and column lie at the border,
            so that everything is covered.
        seed: Integer that determines what is drawn; `None` draws different patches each time.

    Returns:
        float32 patches `(n, *size)`, followed by an axis for the channels if there are any. The
        patches of a grid come row by row.

    Raises:
        ValueError: If an array has other axes, or is smaller than a patch.
    """
    size = _size(size)
    arrays = [np.asarray(a) for a in (x if isinstance(x, list | tuple) else [x])]
    extra_axes = {a.ndim - len(size) for a in arrays}
    if extra_axes not in ({0}, {1}):
        shapes = ", ".join(str(a.shape) for a in arrays) or "nothing"
        raise ValueError(
            f"`x` must be an array of {len(size)} axes for patches of size {size}, or one more "
            f"for channels, or a list of such arrays; received {shapes}. Pass images that are in "
            "one array as list(images)."
        )
    if count is not None:
        whole_number("count", count, minimum=1)
    grids = [_grid(a.shape, size, stride) for a in arrays]
    axes = tuple(range(len(size)))
    # Views of shape (*positions, [channels], *size).
    views = [np.lib.stride_tricks.sliding_window_view(a, size, axis=axes) for a in arrays]
    if count is None:
        positions = [tuple(p.ravel() for p in np.meshgrid(*g, indexing="ij")) for g in grids]
    else:
        positions = _draw([v.shape[: len(size)] for v in views], count, seed)
    patches = np.concatenate([v[p] for v, p in zip(views, positions, strict=True)])
    if extra_axes == {1}:
        patches = np.moveaxis(patches, 1, -1)
    return np.ascontiguousarray(patches, np.float32)


def join(
    patches: np.ndarray, shape: Sequence[int], size: int | Sequence[int], stride: int = 1
) -> np.ndarray:
    """Puts an image or a signal back together; where patches overlap, it takes their mean.

    Args:
        patches: `(n, *size)`, followed by an axis for the channels if `shape` has one, in the order
            in which `cut` returns the patches of a grid.
        shape: Shape of the image or signal.
        size, stride: The same as for `cut`.

    Returns:
        float32 array of `shape`.

    Raises:
        ValueError: If these are not exactly the patches of the grid.
    """
    patches, shape, size = np.asarray(patches), tuple(shape), _size(size)
    if patches.shape[1:] != (*size, *shape[len(size) :]):
        raise ValueError(
            f"`patches` must have shape (n, *size, [channels]) with size {size}, for an array of "
            f"shape {shape}; received {patches.shape}."
        )
    starts = _grid(shape, size, stride)
    number = tuple(len(s) for s in starts)
    if len(patches) != np.prod(number):
        raise ValueError(
            f"`patches` must be all {np.prod(number)} of the grid of an array of shape {shape}, "
            f"for size {size} and stride {stride}; received {len(patches)}."
        )
    patches = patches.reshape(*number, *patches.shape[1:])
    total, cover = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for offset in np.ndindex(*size):  # one element of every patch at a time, which never overlap
        elements = np.ix_(*(s + o for s, o in zip(starts, offset, strict=True)))
        total[elements] += patches[(slice(None),) * len(size) + offset]
        cover[elements] += 1
    if not cover.all():
        raise ValueError(f"With stride {stride}, patches of size {size} leave gaps.")
    return total / cover


def remove_mean(patches: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Subtracts its own mean from every patch, which removes brightness and leaves contrast.

    Args:
        patches: `(n, ...)`.

    Returns:
        Patches `(n, ...)` of mean zero, and the means, `(n, 1, ...)`; added, they restore the
        patches.
    """
    patches = np.asarray(patches)
    means = patches.mean(axis=tuple(range(1, patches.ndim)), keepdims=True)
    return patches - means, means


def _size(size: int | Sequence[int]) -> tuple[int, ...]:
    size = (size,) if np.ndim(size) == 0 else tuple(size)
    if len(size) not in (1, 2):
        raise ValueError(
            f"`size` must be (height, width) of patches or the length of windows; received {size}."
        )
    return tuple(whole_number("size", part, minimum=1) for part in size)


def _grid(shape: tuple[int, ...], size: tuple[int, ...], stride: int) -> list[np.ndarray]:
    """Returns where the patches begin, for each axis."""
    whole_number("stride", stride, minimum=1)
    if any(length < part for length, part in zip(shape, size, strict=False)):
        raise ValueError(f"A patch of size {size} does not fit into an array of shape {shape}.")
    lasts = [length - part for length, part in zip(shape, size, strict=False)]
    return [np.unique(np.append(np.arange(0, last + 1, stride), last)) for last in lasts]


def _draw(
    shapes: list[tuple[int, ...]], count: int, seed: int | None
) -> list[tuple[np.ndarray, ...]]:
    """Draws `count` positions in all, from arrays that have as many positions as `shapes` say."""
    random = np.random.default_rng(seed)
    sizes = np.array([np.prod(shape) for shape in shapes], np.float64)
    counts = random.multinomial(count, sizes / sizes.sum())
    return [
        tuple(random.integers(0, length, n) for length in shape)
        for shape, n in zip(shapes, counts, strict=True)
    ]
