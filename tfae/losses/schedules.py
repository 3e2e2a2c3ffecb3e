"""Schedules: weights of a loss term that change during training, as functions of the step.

A schedule is a `keras.optimizers.schedules.LearningRateSchedule`, Keras' own type for "a number
that depends on the step": it serialises, and any schedule that Keras has works as well. The step
is the optimizer's `iterations`, which is saved with the model, so a resumed run goes on with the
same weight.
"""

import keras
import tensorflow as tf
from keras.optimizers.schedules import LearningRateSchedule

from tfae.arguments import is_number, number, whole_number


@keras.saving.register_keras_serializable("tfae")
class LinearWarmUp(LearningRateSchedule):
    """Rises linearly from `start` at step 0 to `end` at step `steps`, then stays there.

    `VariationalAutoencoder(..., beta=LinearWarmUp(5000))` is the KL warm-up of Bowman et al., 2016,
    and Sonderby et al., 2016.

    Args:
        steps: Length of the ramp in optimizer steps, at least 1.
        start: Value at step 0.
        end: Value from step `steps` on.

    Raises:
        ValueError: If a number is out of its range.
    """

    def __init__(self, steps: int, start: float = 0.0, end: float = 1.0):
        self.steps = whole_number("steps", steps, 1)
        self.start = number("start", start)
        self.end = number("end", end)

    def __call__(self, step: tf.Tensor | int) -> tf.Tensor:
        fraction = tf.minimum(tf.cast(step, tf.float32) / self.steps, 1.0)
        return self.start + (self.end - self.start) * fraction

    def get_config(self) -> dict:
        return {"steps": self.steps, "start": self.start, "end": self.end}


@keras.saving.register_keras_serializable("tfae")
class CyclicalWarmUp(LearningRateSchedule):
    """Repeats a linear ramp: each cycle rises for `ramp` of its length, then holds `end`.

    Args:
        steps: Length of one cycle in optimizer steps, at least 1.
        cycles: Number of cycles; afterwards the value stays at `end`.
        ramp: Fraction of a cycle during which the value rises, in (0, 1].
        start: Value at the start of each cycle.
        end: Value at the end of the ramp.

    Raises:
        ValueError: If a number is out of its range.

    Reference:
        Fu et al., "Cyclical Annealing Schedule", 2019.
    """

    def __init__(
        self,
        steps: int,
        cycles: int = 4,
        ramp: float = 0.5,
        start: float = 0.0,
        end: float = 1.0,
    ):
        self.steps = whole_number("steps", steps, 1)
        self.cycles = whole_number("cycles", cycles, 1)
        if not is_number(ramp) or not 0.0 < ramp <= 1.0:
            raise ValueError(f"`ramp` must lie in (0, 1]; received ramp={ramp!r}.")
        self.ramp = float(ramp)
        self.start = number("start", start)
        self.end = number("end", end)

    def __call__(self, step: tf.Tensor | int) -> tf.Tensor:
        step = tf.cast(step, tf.float32)
        position = tf.math.floormod(step, float(self.steps)) / self.steps
        fraction = tf.minimum(position / self.ramp, 1.0)
        fraction = tf.where(step >= self.steps * self.cycles, 1.0, fraction)
        return self.start + (self.end - self.start) * fraction

    def get_config(self) -> dict:
        return {
            "steps": self.steps,
            "cycles": self.cycles,
            "ramp": self.ramp,
            "start": self.start,
            "end": self.end,
        }
