import keras
import numpy as np
import pytest

from tfae.losses import CyclicalWarmUp, LinearWarmUp


def test_linear_warm_up_rises_to_its_end_and_stays():
    warm_up = LinearWarmUp(10, start=0.2, end=1.2)
    values = [float(warm_up(step)) for step in (0, 5, 10, 11, 10_000)]
    np.testing.assert_allclose(values, [0.2, 0.7, 1.2, 1.2, 1.2], rtol=1e-6)


def test_cyclical_warm_up_restarts_and_ends_at_the_top():
    warm_up = CyclicalWarmUp(10, cycles=2, ramp=0.5)
    values = [float(warm_up(step)) for step in (0, 5, 9, 10, 12, 15, 20, 25)]
    np.testing.assert_allclose(values, [0, 1, 1, 0, 0.4, 1, 1, 1], rtol=1e-6)


@pytest.mark.parametrize("schedule", [LinearWarmUp(7, 0.1, 3), CyclicalWarmUp(9, 3, 0.3, 0.1, 2)])
def test_schedules_serialise(schedule):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(schedule))
    assert type(again) is type(schedule)
    assert again.get_config() == schedule.get_config()


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), "1", None])
def test_bounds_must_be_finite_numbers(bad):
    with pytest.raises(ValueError, match="`start` must be a finite number"):
        LinearWarmUp(10, start=bad)
    with pytest.raises(ValueError, match="`end` must be a finite number"):
        CyclicalWarmUp(10, end=bad)


def test_invalid_schedules_are_refused():
    with pytest.raises(ValueError, match="`steps`"):
        LinearWarmUp(0)
    with pytest.raises(ValueError, match="`cycles`"):
        CyclicalWarmUp(10, cycles=1.5)
    with pytest.raises(ValueError, match="`ramp`"):
        CyclicalWarmUp(10, ramp=0)
