"""Weights of loss terms as attributes of a model: a number, or a schedule over train steps."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from keras.optimizers.schedules import LearningRateSchedule

from tfae.arguments import is_number


class LossWeight:
    """Descriptor for such an attribute: `beta = LossWeight()` in a model's class.

    A number is stored in a variable, so a new value takes effect at the next step and is saved with
    the weights. A schedule is part of the compiled step, so setting another one makes the next
    `fit` compile again.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(
        self, model: keras.Model | None, owner: type | None = None
    ) -> LossWeight | float | LearningRateSchedule:
        if model is None:
            return self
        schedule = getattr(model, f"_{self._name}_schedule")
        if schedule is not None:
            return schedule
        # The shortest decimal number for this float32: 0.1, not 0.10000000149.
        value = keras.ops.convert_to_numpy(getattr(model, f"_{self._name}_value"))
        return float(str(np.float32(value)))

    def __set__(self, model: keras.Model, value: float | LearningRateSchedule) -> None:
        is_schedule = isinstance(value, LearningRateSchedule)
        if not is_schedule and not (is_number(value) and value >= 0):
            raise ValueError(
                f"`{self._name}` must be a non-negative number, or a schedule such as "
                f"tfae.losses.LinearWarmUp; received {value!r}."
            )
        if not hasattr(model, f"_{self._name}_value"):
            variable = model.add_weight(
                name=self._name, shape=(), initializer="ones", trainable=False, dtype="float32"
            )
            setattr(model, f"_{self._name}_value", variable)
        elif is_schedule or getattr(model, f"_{self._name}_schedule") is not None:
            model.train_function = model.test_function = None  # traced with the old one
        setattr(model, f"_{self._name}_schedule", value if is_schedule else None)
        if not is_schedule:
            getattr(model, f"_{self._name}_value").assign(value)

    def tensor(self, model: keras.Model) -> tf.Tensor:
        """Returns the weight at the present step, for `term_weights`."""
        schedule = getattr(model, f"_{self._name}_schedule")
        if schedule is None:
            return tf.convert_to_tensor(getattr(model, f"_{self._name}_value"))
        return schedule(model.optimizer.iterations if model.optimizer is not None else 0)

    def config(self, model: keras.Model) -> float | dict:
        """Returns the value for `get_config`."""
        schedule = getattr(model, f"_{self._name}_schedule")
        if schedule is not None:
            return keras.saving.serialize_keras_object(schedule)
        return getattr(model, self._name)
