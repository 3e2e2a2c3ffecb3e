"""A learning rate that falls over whatever `fit` turns out to be."""

import contextlib
import math
from collections.abc import Iterator, Sequence

import keras
import tensorflow as tf
from keras.optimizers.schedules import LearningRateSchedule

from tfae.arguments import positive


@keras.saving.register_keras_serializable("tfae")
class CosineOverFit(LearningRateSchedule):
    """Falls along half a cosine from its initial value to zero, over the steps of a `fit`.

    `keras.optimizers.schedules.CosineDecay` without the number of steps: `fit` of a tfae model says
    how many there are, and where in them a resumed run goes on. A further `fit` falls anew. Outside
    of `fit`, and over data whose length is not known, the rate stays at its initial value.

    Args:
        initial_learning_rate: Above zero.

    Raises:
        ValueError: If it is no number above zero.
    """

    def __init__(self, initial_learning_rate: float):
        self.initial_learning_rate = positive("initial_learning_rate", initial_learning_rate)
        # Of the steps of the optimizer the one with which `fit` began, and for how many it runs.
        # In a variable, for programs are compiled once and run in many a `fit`.
        self._span = tf.Variable([0, 0], dtype=tf.int64, trainable=False)

    def __call__(self, step: tf.Tensor | int) -> tf.Tensor:
        first, num_steps = tf.unstack(tf.cast(self._span, tf.float32))
        passed = tf.math.divide_no_nan(tf.cast(step, tf.float32) - first, num_steps)
        angle = math.pi * tf.clip_by_value(passed, 0.0, 1.0)
        return self.initial_learning_rate * 0.5 * (1.0 + tf.cos(angle))

    def spans(self, first: int, num_steps: int) -> None:
        """Says that the rate falls over `num_steps` steps from `first` on; not at all, over 0."""
        self._span.assign([first, num_steps])

    def get_config(self) -> dict:
        return {"initial_learning_rate": self.initial_learning_rate}


@contextlib.contextmanager
def falling(
    optimizers: Sequence[keras.optimizers.Optimizer | None],
    initial_epoch: int,
    epochs: int,
    steps_per_epoch: int | None,
) -> Iterator[None]:
    """While entered, every `CosineOverFit` of the optimizers falls over the steps of a `fit`.

    A run that goes on at `initial_epoch` has the steps before it behind itself; one that a callback
    is about to restore has taken none yet.
    """
    schedules = []
    for optimizer in optimizers:
        optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        schedule = getattr(optimizer, "_learning_rate", None)
        if isinstance(schedule, CosineOverFit):
            schedules.append(schedule)
            steps = steps_per_epoch or 0
            taken = int(keras.ops.convert_to_numpy(optimizer.iterations))
            schedule.spans(taken - initial_epoch * steps, epochs * steps)
    try:
        yield
    finally:
        for schedule in schedules:
            schedule.spans(0, 0)
