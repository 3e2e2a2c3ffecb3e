"""Checks of numbers that users give, at the boundary."""

import math
from typing import Any

import numpy as np


def whole_number(name: str, value: Any, minimum: int) -> int:
    """Returns `value` as an `int`.

    Raises:
        ValueError: If it is no whole number, or less than `minimum`; it names the argument.
    """
    is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not is_whole or value < minimum:
        of = "zero or more" if minimum == 0 else f"at least {minimum}"
        raise ValueError(f"`{name}` must be a whole number of {of}; received {value!r}.")
    return int(value)


def whole_number_or_none(name: str, value: Any, minimum: int) -> int | None:
    """As `whole_number`; `None` stays `None`."""
    return None if value is None else whole_number(name, value, minimum)


def number(name: str, value: Any) -> float:
    """Returns `value` as a `float`.

    Raises:
        ValueError: If it is no finite number; it names the argument.
    """
    if not is_number(value):
        raise ValueError(f"`{name}` must be a finite number; received {value!r}.")
    return float(value)


def non_negative(name: str, value: Any) -> float:
    """Returns `value` as a `float`.

    Raises:
        ValueError: If it is no finite number of zero or more; it names the argument.
    """
    if not is_number(value) or value < 0:
        raise ValueError(f"`{name}` must be a number of zero or more; received {value!r}.")
    return float(value)


def positive(name: str, value: Any) -> float:
    """Returns `value` as a `float`.

    Raises:
        ValueError: If it is no finite number above zero; it names the argument.
    """
    if not is_number(value) or value <= 0:
        raise ValueError(f"`{name}` must be a number above zero; received {value!r}.")
    return float(value)


def between(name: str, value: Any, low: float, high: float, low_included: bool = False) -> float:
    """Returns `value` as a `float`.

    Args:
        name: Of the argument.
        value: As it was given.
        low, high: The bounds, which are left out.
        low_included: Whether `low` itself is allowed.

    Raises:
        ValueError: If it is no number in between; it names the argument.
    """
    is_inside = is_number(value) and (low < value < high or (low_included and value == low))
    if not is_inside:
        bracket = "[" if low_included else "("
        raise ValueError(f"`{name}` must lie in {bracket}{low:g}, {high:g}); received {value!r}.")
    return float(value)


def is_number(value: Any) -> bool:
    """Whether it is a finite real number, and no truth value."""
    is_real = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    return is_real and math.isfinite(value)
