"""Paths through latent space: pure functions on arrays of codes."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tfae.arguments import finite_array, whole_number

__all__ = ["interpolate", "traverse"]

KINDS = ("linear", "spherical")


def interpolate(a: Any, b: Any, steps: int = 10, kind: str = "linear") -> np.ndarray:
    """Returns codes along a path from `a` to `b`, both included, for `model.decode`.

    In high dimensions, a straight line between two draws from N(0, I) passes through codes that are
    shorter than almost any draw. The spherical path turns from one direction to the other at a
    constant angular speed; between codes of equal length it keeps that length.

    Args:
        a, b: Codes `(latent_dim,)`, or `(n, latent_dim)` for n paths.
        steps: Number of codes on a path, 2 or more.
        kind: `"linear"` or `"spherical"`.

    Returns:
        float32 array `(steps, latent_dim)`, or `(n, steps, latent_dim)`.

    Raises:
        ValueError: If the codes have different shapes or hold NaN. For spherical paths also if a
            code is zero, or two are opposite to each other: then no path is the shortest.

    Reference:
        White, "Sampling Generative Networks", 2016.
    """
    a, b = finite_array("a", a), finite_array("b", b)
    if a.shape != b.shape or a.ndim not in (1, 2):
        raise ValueError(
            "`a` and `b` must be codes (latent_dim,) or (n, latent_dim) of the same shape; "
            f"received {a.shape} and {b.shape}."
        )
    steps = whole_number("steps", steps, 2)
    if kind not in KINDS:
        raise ValueError(f"`kind` must be one of {list(KINDS)}; received {kind!r}.")
    a, b = a[..., None, :], b[..., None, :]
    fraction = np.linspace(0.0, 1.0, steps)[:, None]
    if kind == "linear":
        return ((1 - fraction) * a + fraction * b).astype(np.float32)
    angle = _angle(a, b)
    with np.errstate(divide="ignore", invalid="ignore"):
        weight_a = np.sin((1 - fraction) * angle) / np.sin(angle)
        weight_b = np.sin(fraction * angle) / np.sin(angle)
    parallel = angle < 1e-6  # the limit is the straight line
    weight_a = np.where(parallel, 1 - fraction, weight_a)
    weight_b = np.where(parallel, fraction, weight_b)
    return (weight_a * a + weight_b * b).astype(np.float32)


def traverse(code: Any, dimension: int, values: Sequence[float]) -> np.ndarray:
    """Returns copies of a code with one dimension set to each of `values`, for `model.decode`.

    Args:
        code: `(latent_dim,)`.
        dimension: Index of the dimension, from 0.
        values: The values of that dimension, `(n,)`.

    Returns:
        float32 codes `(n, latent_dim)`.

    Raises:
        ValueError: If `code` or `values` has another shape, or there is no such dimension.
    """
    start, path = np.asarray(code, np.float32), np.asarray(values, np.float32)
    if start.ndim != 1 or path.ndim != 1:
        raise ValueError(
            f"`code` must have shape (latent_dim,) and `values` (n,); received {start.shape} and "
            f"{path.shape}."
        )
    if whole_number("dimension", dimension, 0) >= len(start):
        raise ValueError(f"`dimension` must be 0 to {len(start) - 1}; received {dimension}.")
    codes = np.tile(start, (len(path), 1))
    codes[:, dimension] = path
    return codes


def _angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The angle `[..., 1]` in [0, pi) between codes `[..., latent_dim]`."""
    lengths = [np.linalg.norm(code, axis=-1, keepdims=True) for code in (a, b)]
    if not all(length.all() for length in lengths):
        raise ValueError("A code of zeros has no direction, so no spherical path leads to it.")
    a, b = a / lengths[0], b / lengths[1]
    # More exact than the arc cosine for small angles and for nearly opposite codes.
    angle = 2 * np.arctan2(
        np.linalg.norm(a - b, axis=-1, keepdims=True), np.linalg.norm(a + b, axis=-1, keepdims=True)
    )
    if (angle > np.pi - 1e-6).any():
        raise ValueError("Two codes are opposite to each other: no spherical path is the shortest.")
    return angle
