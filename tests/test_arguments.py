"""Errors about numbers name the argument and the value that was received."""

import numpy as np
import pytest

from tfae.arguments import (
    at_least,
    between,
    finite_array,
    non_negative,
    positive,
    whole_number,
    whole_number_or_none,
)


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_numpy_integers_become_python_integers(value):
    assert type(whole_number("n", value, 3)) is int


@pytest.mark.parametrize("value", [0, -1, 2.0, np.float32(2), "2", None, True, [2]])
def test_anything_but_an_integer_of_at_least_the_minimum_is_refused(value):
    with pytest.raises(ValueError, match="`n` must be an integer of at least 1; received"):
        whole_number("n", value, 1)


@pytest.mark.parametrize("value", [1, 0.5, np.float32(0.5), np.int32(2)])
def test_numbers_become_floats(value):
    assert type(positive("rate", value)) is float
    assert positive("rate", value) == non_negative("rate", value) == value


def test_zero_is_non_negative_and_not_positive():
    assert non_negative("rate", 0) == 0.0
    with pytest.raises(ValueError, match="`rate` must be a positive number; received 0"):
        positive("rate", 0)


@pytest.mark.parametrize("value", [-1, np.nan, np.inf, "1", None, True, 1j])
def test_anything_but_a_number_in_range_is_refused(value):
    with pytest.raises(ValueError, match="`rate` must be a non-negative number; received"):
        non_negative("rate", value)
    with pytest.raises(ValueError, match="`rate` must be a positive number; received"):
        positive("rate", value)


def test_between_accepts_numbers_between_the_bounds():
    assert type(between("rate", np.float32(0.5), 0, 1)) is float
    assert between("rate", 0, 0, 1, low_included=True) == 0.0
    for value in (0, 1, -0.1, 1.5, np.nan, "0.5", None, True):
        with pytest.raises(ValueError, match=r"`rate` must lie in \(0, 1\); received"):
            between("rate", value, 0, 1)
    for value in (1, -0.1, np.nan):
        with pytest.raises(ValueError, match=r"`rate` must lie in \[0, 1\); received"):
            between("rate", value, 0, 1, low_included=True)


def test_the_least_value_is_allowed_and_none_below_it():
    assert type(at_least("alpha", np.int32(1), 1)) is float
    for value in (0.99, np.nan, np.inf, "1", None, True):
        with pytest.raises(ValueError, match="`alpha` must be a number of at least 1; received"):
            at_least("alpha", value, 1)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_arrays_that_are_not_finite_are_refused_with_the_number_of_bad_values(bad):
    assert finite_array("codes", [[1, 2]]).dtype == np.float64
    assert finite_array("codes", [1.0], np.float32).dtype == np.float32
    assert finite_array("codes", []).size == 0
    message = r"^`codes` must be finite; 1 of 4 values are NaN or infinite\. Check the data\.$"
    with pytest.raises(ValueError, match=message):
        finite_array("codes", [[1, 2], [bad, 0]], advice="Check the data.")


def test_none_stays_none():
    assert whole_number_or_none("n", None, 1) is None
    assert whole_number_or_none("n", 3, 1) == 3
    with pytest.raises(ValueError, match="`n` must be an integer of at least 1"):
        whole_number_or_none("n", 0, 1)
