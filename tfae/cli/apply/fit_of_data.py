"""Checks what is read against what the run's model accepts, and says where it does not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tfae.cli.apply.reader import Part, Reader

if TYPE_CHECKING:
    from tfae.batches.contract import DataContract


def check_part(
    contract: DataContract,
    part: Part,
    x: np.ndarray,
    reader: Reader,
    may_miss: bool,
    any_range: bool = False,
) -> None:
    """Checks the values of a part of the data.

    Args:
        contract: What the model accepts.
        part: The part as it was read.
        x: Its data as the model takes it, `(n, *shape)`.
        reader: The data, for messages.
        may_miss: Whether NaN stands for a missing value that the model takes.
        any_range: Whether the command itself handles values outside the likelihood's range.

    Raises:
        ValueError: If a value cannot be used; the message says where the first one is, and what to
            do.
    """
    missing = np.isnan(x)
    bad = np.isinf(x) if may_miss else np.isinf(x) | missing
    if bad.any():
        at = _first(bad)
        if np.isnan(x[at]):
            raise ValueError(
                f"{_where(reader, part, at)} is missing (NaN). The run was trained without missing "
                "values: fill it in or remove the example, or train with --missing mask."
            )
        raise ValueError(f"{_where(reader, part, at)} is infinite. Correct or remove the example.")
    if contract.support is None or (contract.takes_noise and not contract.x_is_target):
        return
    low, high = contract.support
    outside = (x < low) | (x > high)
    if outside.any() and not any_range:
        at = _first(outside)
        low, high = (float(np.broadcast_to(end, x.shape[1:])[at[1:]]) for end in (low, high))
        bounds = f"at least {low:g}" if np.isinf(high) else f"from {low:g} to {high:g}"
        raise ValueError(
            f"{_where(reader, part, at)} is {x[at]:g}{_as_stored(part, at, x)}, but the run's "
            f"likelihood takes values {bounds}. Correct or remove the example, or train with "
            "another --likelihood or --scale."
        )
    integers = contract.integers
    if np.any(integers):
        fractional = (x != np.rint(x)) & ~missing & integers
        if fractional.any():
            at = _first(fractional)
            raise ValueError(
                f"{_where(reader, part, at)} is {x[at]:g}, but the run's likelihood takes whole "
                "numbers, counts. Correct or remove the example."
            )


def _first(bad: np.ndarray) -> tuple[int, ...]:
    return tuple(int(i) for i in np.argwhere(bad)[0])


def _where(reader: Reader, part: Part, at: tuple[int, ...]) -> str:
    return f"{reader.where(part, at[0])}: {reader.element(at[1:])}"


def _as_stored(part: Part, at: tuple[int, ...], x: np.ndarray) -> str:
    stored = part.x[at]
    return "" if stored == x[at] else f" after scaling ({stored:g} in the data)"
