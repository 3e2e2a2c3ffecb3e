"""Patches of images, windows of signals, and the way back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

__all__ = ["Whitening", "cut", "join", "remove_mean"]


def cut(
    x: np.ndarray | Sequence[np.ndarray],
    size: int | Sequence[int],
    count: int | None = None,
    stride: int = 1,
    seed: int | None = None,
) -> np.ndarray:
    """Cuts patches out of images, or windows out of signals.

    Only what is returned is copied, so images may be large, and memory-mapped.

    Args:
        x: One image `(height, width)` or `(height, width, channels)`, one signal `(length,)` or
            `(length, channels)`, or a list of them, of any sizes.
        size: Of a patch, `(height, width)`, or of a window, an integer.
        count: Number of patches to draw, every place of every image being as likely; `None` takes
            those of a grid.
        stride: Distance of the patches of a grid. Its last row and column lie at the border, so
            that everything is covered.
        seed: Integer that decides what is drawn; `None` draws others each time.

    Returns:
        float32 patches `(n, *size)`, with the channels as a last axis where there are some; those
        of a grid row by row.

    Raises:
        ValueError: If an array is not of this kind, or smaller than a patch.
    """
    size = _size(size)
    arrays = [np.asarray(a) for a in (x if isinstance(x, list | tuple) else [x])]
    extra_axes = {a.ndim - len(size) for a in arrays}
    if extra_axes not in ({0}, {1}):
        shapes = ", ".join(str(a.shape) for a in arrays) or "nothing"
        raise ValueError(
            f"`x` must be an array of {len(size)} axes for patches of size {size}, or one more "
            f"for channels, or a list of such arrays; received {shapes}. Give the images of one "
            "array as list(images)."
        )
    if count is not None and count < 1:
        raise ValueError(f"`count` must be at least 1, or None for a grid; received {count}.")
    grids = [_grid(a.shape, size, stride) for a in arrays]
    axes = tuple(range(len(size)))
    # Views (*places, [channels], *size).
    views = [np.lib.stride_tricks.sliding_window_view(a, size, axis=axes) for a in arrays]
    if count is None:
        places = [tuple(p.ravel() for p in np.meshgrid(*g, indexing="ij")) for g in grids]
    else:
        places = _drawn([v.shape[: len(size)] for v in views], count, seed)
    patches = np.concatenate([v[p] for v, p in zip(views, places, strict=True)])
    if extra_axes == {1}:
        patches = np.moveaxis(patches, 1, -1)
    return np.ascontiguousarray(patches, np.float32)


def join(
    patches: np.ndarray, shape: Sequence[int], size: int | Sequence[int], stride: int = 1
) -> np.ndarray:
    """Puts an image or a signal back together; where patches overlap it takes their mean.

    Args:
        patches: `(n, *size)`, with channels as a last axis if `shape` has them, in the order in
            which `cut` gives those of a grid.
        shape: Of the image or signal.
        size, stride: Those of `cut`.

    Returns:
        float32 array of `shape`.

    Raises:
        ValueError: If these are not all patches of the grid.
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
    for offset in np.ndindex(*size):  # one place of all patches at a time: these do not overlap
        places = np.ix_(*(s + o for s, o in zip(starts, offset, strict=True)))
        total[places] += patches[(slice(None),) * len(size) + offset]
        cover[places] += 1
    if not cover.all():
        raise ValueError(f"With stride {stride}, patches of size {size} leave gaps.")
    return total / cover


def remove_mean(patches: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Takes its mean off every patch, which leaves contrast without brightness.

    Args:
        patches: `(n, ...)`.

    Returns:
        Patches `(n, ...)` of mean zero, and the means, `(n, 1, ...)`, which give the patches back
        by addition.
    """
    patches = np.asarray(patches)
    means = patches.mean(axis=tuple(range(1, patches.ndim)), keepdims=True)
    return patches - means, means


class Whitening(NamedTuple):
    """Zero-phase whitening (ZCA), which makes all directions of the data equally strong.

    Made by `Whitening.fit`; calling it whitens, `inverse` undoes it.

    Attributes:
        mean: Mean of the data, `(dimension,)`.
        matrix: Symmetric, `(dimension, dimension)`.
        inverse_matrix: Its inverse.

    Reference:
        Bell and Sejnowski, "The 'independent components' of natural scenes are edge filters", 1997.
    """

    mean: np.ndarray
    matrix: np.ndarray
    inverse_matrix: np.ndarray

    @classmethod
    def fit(cls, patches: np.ndarray, regularisation: float = 0.01) -> Whitening:
        """Measures mean and covariance.

        Args:
            patches: `(n, ...)`.
            regularisation: Part of the mean variance that is added to the variance of every
                direction, above zero; keeps noise in weak directions down.

        Raises:
            ValueError: If there are fewer than two patches, or they are all the same.
        """
        x = np.asarray(patches, np.float64).reshape(len(patches), -1)
        if len(x) < 2 or regularisation <= 0 or not np.isfinite(x).all():
            raise ValueError(
                "Whitening needs two patches or more, all finite, and a `regularisation` above 0; "
                f"received {len(x)} patches and {regularisation}."
            )
        mean = x.mean(axis=0)
        variances, directions = np.linalg.eigh((x - mean).T @ (x - mean) / len(x))
        variances = np.maximum(variances, 0) + regularisation * variances.mean()
        if not variances.min() > 0:
            raise ValueError("`patches` are all the same; there is nothing to whiten.")
        scales = np.sqrt(variances)
        return cls(
            mean.astype(np.float32),
            ((directions / scales) @ directions.T).astype(np.float32),
            ((directions * scales) @ directions.T).astype(np.float32),
        )

    def __call__(self, patches: np.ndarray) -> np.ndarray:
        """Whitens patches `(n, ...)`."""
        flat = np.asarray(patches, np.float32).reshape(len(patches), -1)
        return ((flat - self.mean) @ self.matrix).reshape(np.shape(patches))

    def inverse(self, patches: np.ndarray) -> np.ndarray:
        """Gives whitened patches `(n, ...)` their variances and mean back."""
        flat = np.asarray(patches, np.float32).reshape(len(patches), -1)
        return (flat @ self.inverse_matrix + self.mean).reshape(np.shape(patches))


def _size(size: int | Sequence[int]) -> tuple[int, ...]:
    size = (size,) if isinstance(size, int | np.integer) else tuple(size)
    if len(size) not in (1, 2) or min(size) < 1:
        raise ValueError(
            f"`size` must be (height, width) of patches or the length of windows; received {size}."
        )
    return size


def _grid(shape: tuple[int, ...], size: tuple[int, ...], stride: int) -> list[np.ndarray]:
    """First places of the patches, for each axis."""
    if stride < 1:
        raise ValueError(f"`stride` must be at least 1; received {stride}.")
    if any(length < part for length, part in zip(shape, size, strict=False)):
        raise ValueError(f"A patch of size {size} does not fit into an array of shape {shape}.")
    lasts = [length - part for length, part in zip(shape, size, strict=False)]
    return [np.unique(np.append(np.arange(0, last + 1, stride), last)) for last in lasts]


def _drawn(
    shapes: list[tuple[int, ...]], count: int, seed: int | None
) -> list[tuple[np.ndarray, ...]]:
    """Places for each array, of `count` in all; `shapes` are the numbers of places."""
    random = np.random.default_rng(seed)
    sizes = np.array([np.prod(shape) for shape in shapes], np.float64)
    counts = random.multinomial(count, sizes / sizes.sum())
    return [
        tuple(random.integers(0, length, n) for length in shape)
        for shape, n in zip(shapes, counts, strict=True)
    ]
