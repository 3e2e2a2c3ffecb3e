"""Paths through the space of codes, to decode: pure functions on arrays."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tfae.arguments import whole_number

__all__ = ["interpolate", "traverse"]

KINDS = ("linear", "spherical")


def interpolate(a: Any, b: Any, steps: int = 10, kind: str = "linear") -> np.ndarray:
    """Codes along a path from `a` to `b`, both included, for `model.decode`.

    A straight line between two codes of a high-dimensional N(0, I) leads through codes of a length
    that the prior hardly ever gives. The spherical path turns from one direction to the other at a
    constant angular speed; between codes of one length it keeps that length.

    Args:
        a, b: Codes `(latent_dim,)`, or `(n, latent_dim)` for n paths.
        steps: Codes of a path, 2 or more.
        kind: `"linear"` or `"spherical"`.

    Returns:
        float32 array `(steps, latent_dim)`, or `(n, steps, latent_dim)`.

    Raises:
        ValueError: If the codes do not fit together or hold NaN. For spherical paths also if a code
            is zero, or two are opposite to each other: then no path is the shortest.

    Reference:
        White, "Sampling Generative Networks", 2016.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape or a.ndim not in (1, 2):
        raise ValueError(
            "`a` and `b` must be codes (latent_dim,) or (n, latent_dim) of one shape; received "
            f"{a.shape} and {b.shape}."
        )
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("`a` and `b` must be codes without NaN or infinite values.")
    steps = whole_number("steps", steps, 2)
    if kind not in KINDS:
        raise ValueError(f"`kind` must be one of {list(KINDS)}; received {kind!r}.")
    a, b = a[..., None, :], b[..., None, :]
    part = np.linspace(0.0, 1.0, steps)[:, None]
    if kind == "linear":
        return ((1 - part) * a + part * b).astype(np.float32)
    angle = _angle(a, b)
    with np.errstate(divide="ignore", invalid="ignore"):
        of_a = np.sin((1 - part) * angle) / np.sin(angle)
        of_b = np.sin(part * angle) / np.sin(angle)
    parallel = angle < 1e-6  # the limit is the straight line
    of_a, of_b = np.where(parallel, 1 - part, of_a), np.where(parallel, part, of_b)
    return (of_a * a + of_b * b).astype(np.float32)


def traverse(code: Any, dimension: int, values: Sequence[float]) -> np.ndarray:
    """A code with one of its dimensions set to each of some values, for `model.decode`.

    Args:
        code: `(latent_dim,)`.
        dimension: Index of the dimension, from 0.
        values: The values it takes, `(n,)`.

    Returns:
        float32 codes `(n, latent_dim)`.

    Raises:
        ValueError: If the code has another shape, or no such dimension.
    """
    code, values = np.asarray(code, np.float32), np.asarray(values, np.float32)
    if code.ndim != 1 or values.ndim != 1:
        raise ValueError(
            f"`code` must have shape (latent_dim,) and `values` (n,); received {code.shape} and "
            f"{values.shape}."
        )
    if whole_number("dimension", dimension, 0) >= len(code):
        raise ValueError(f"`dimension` must be 0 to {len(code) - 1}; received {dimension}.")
    codes = np.tile(code, (len(values), 1))
    codes[:, dimension] = values
    return codes


def _angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The angle between codes `[..., latent_dim]`, `[..., 1]`, in [0, pi)."""
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
