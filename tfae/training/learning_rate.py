"""A learning rate that falls over whatever `fit` turns out to be."""

import math
from collections.abc import Sequence

import keras
import tensorflow as tf
from keras.optimizers.schedules import LearningRateSchedule

from tfae.arguments import positive
from tfae.internals import learning_rate_object, number_of_updates


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


class Fall(keras.callbacks.Callback):
    """Lets every `CosineOverFit` of the optimizers fall over the epochs of a `fit`.

    Each epoch takes its place from its number, whatever was restored, loaded or skipped before it:
    a resumed run has the rates of one that was not interrupted.

    Args:
        optimizers: Of the model; others than those with a `CosineOverFit` are left alone.
        epochs: After how many epochs the rates are to be zero.
        steps_per_epoch: `None` where that is not known: the rates stay as they are.
    """

    def __init__(
        self,
        optimizers: Sequence[keras.optimizers.Optimizer | None],
        epochs: int,
        steps_per_epoch: int | None,
    ):
        super().__init__()
        inner = [getattr(optimizer, "inner_optimizer", optimizer) for optimizer in optimizers]
        self._optimizers = [optimizer for optimizer in inner if falls(optimizer)]
        self._epochs = epochs
        self._steps = steps_per_epoch

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        for optimizer in self._optimizers if self._steps else ():
            taken = number_of_updates(optimizer)
            first = taken - epoch * self._steps
            learning_rate_object(optimizer).spans(first, self._epochs * self._steps)

    def end(self) -> None:
        """Brings the rates back to their initial values, however the `fit` has ended."""
        for optimizer in self._optimizers:
            learning_rate_object(optimizer).spans(0, 0)


def falls(optimizer: keras.optimizers.Optimizer | None) -> bool:
    """Whether the rate of an optimizer is a `CosineOverFit`."""
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    return isinstance(learning_rate_object(optimizer), CosineOverFit)


def set_learning_rate(
    optimizer: keras.optimizers.Optimizer, learning_rate: float | LearningRateSchedule
) -> None:
    """Gives an optimizer another rate; a number falls over `fit` if the old rate did."""
    is_schedule = isinstance(learning_rate, LearningRateSchedule)
    if falls(optimizer) and not is_schedule:
        learning_rate = CosineOverFit(learning_rate)
    optimizer.learning_rate = learning_rate
