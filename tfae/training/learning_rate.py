"""A learning rate that decays over the steps of `fit`, however many there are."""

import math
from collections.abc import Sequence

import keras
import tensorflow as tf
from keras.optimizers.schedules import LearningRateSchedule

from tfae.arguments import positive
from tfae.internals import learning_rate_object, number_of_updates


@keras.saving.register_keras_serializable("tfae")
class CosineOverFit(LearningRateSchedule):
    """Decays along half a cosine from its initial value to zero over the steps of a `fit`.

    It is `keras.optimizers.schedules.CosineDecay` without the number of steps: `fit` of a tfae
    model sets how many there are, and at which one a resumed run starts. Each further `fit` starts
    at the initial value again. Outside `fit`, or if the length of the data is unknown, the rate
    stays at its initial value.

    Args:
        initial_learning_rate: Initial value, above zero.

    Raises:
        ValueError: If it is not a positive number.
    """

    def __init__(self, initial_learning_rate: float):
        self.initial_learning_rate = positive("initial_learning_rate", initial_learning_rate)
        # The optimizer's step at the start of `fit`, and the number of steps of `fit`. They are in
        # a variable, since a compiled program is used by several calls of `fit`.
        self._decay_steps = tf.Variable([0, 0], dtype=tf.int64, trainable=False)

    def __call__(self, step: tf.Tensor | int) -> tf.Tensor:
        first, num_steps = tf.unstack(tf.cast(self._decay_steps, tf.float32))
        fraction = tf.math.divide_no_nan(tf.cast(step, tf.float32) - first, num_steps)
        angle = math.pi * tf.clip_by_value(fraction, 0.0, 1.0)
        return self.initial_learning_rate * 0.5 * (1.0 + tf.cos(angle))

    def set_decay_steps(self, first: int, num_steps: int) -> None:
        """Makes the rate decay over `num_steps` steps from step `first` on; 0 for no decay."""
        self._decay_steps.assign([first, num_steps])

    def get_config(self) -> dict:
        return {"initial_learning_rate": self.initial_learning_rate}


class DecayOverFit(keras.callbacks.Callback):
    """Sets the number of steps for every `CosineOverFit` of the optimizers.

    The rate at the start of an epoch depends only on the epoch's number, so a resumed run has the
    same rates as one that was not interrupted.

    Args:
        optimizers: The model's optimizers; those without a `CosineOverFit` are left alone.
        epochs: Number of epochs after which the rates reach zero.
        steps_per_epoch: Steps per epoch; `None` if unknown, and then the rates stay constant.
    """

    def __init__(
        self,
        optimizers: Sequence[keras.optimizers.Optimizer | None],
        epochs: int,
        steps_per_epoch: int | None,
    ):
        super().__init__()
        inner = [getattr(optimizer, "inner_optimizer", optimizer) for optimizer in optimizers]
        self._optimizers = [optimizer for optimizer in inner if decays_over_fit(optimizer)]
        self._epochs = epochs
        self._steps = steps_per_epoch

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        for optimizer in self._optimizers if self._steps else ():
            first = number_of_updates(optimizer) - epoch * self._steps
            num_steps = self._epochs * self._steps
            learning_rate_object(optimizer).set_decay_steps(first, num_steps)

    def reset(self) -> None:
        """Resets the rates to their initial values; called however `fit` ends."""
        for optimizer in self._optimizers:
            learning_rate_object(optimizer).set_decay_steps(0, 0)


def decays_over_fit(optimizer: keras.optimizers.Optimizer | None) -> bool:
    """Whether the learning rate of an optimizer is a `CosineOverFit`."""
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    return isinstance(learning_rate_object(optimizer), CosineOverFit)


def set_learning_rate(
    optimizer: keras.optimizers.Optimizer, learning_rate: float | LearningRateSchedule
) -> None:
    """Sets the learning rate; a number decays over `fit` if the old rate did."""
    is_schedule = isinstance(learning_rate, LearningRateSchedule)
    if decays_over_fit(optimizer) and not is_schedule:
        learning_rate = CosineOverFit(learning_rate)
    optimizer.learning_rate = learning_rate
