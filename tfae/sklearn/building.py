"""How estimators build models: from a class, its name, or a function."""

import inspect
from collections.abc import Callable
from typing import Any

import keras
from keras.optimizers.schedules import LearningRateSchedule

from tfae.arguments import positive
from tfae.models import MODELS


def builder_of(model: Any) -> Callable[..., keras.Model]:
    """Returns the function that builds a model from shape, `latent_dim` and hyperparameters."""
    if isinstance(model, str):
        if model not in MODELS:
            raise ValueError(f"`model` must be one of {', '.join(MODELS)}; received {model!r}.")
        model = MODELS[model]
    builder = getattr(model, "from_shape", None if isinstance(model, type) else model)
    if isinstance(model, keras.layers.Layer) or not callable(builder):
        raise ValueError(
            "`model` must be a tfae model, a class with `from_shape` or its name, or a function "
            f"build(input_shape, latent_dim, ...); received {model!r}."
        )
    return builder


def without_state(value: Any) -> Any:
    """Copies a hyperparameter that is a layer: models must not share its weights or seeds."""
    if isinstance(value, keras.layers.Layer):
        return type(value).from_config(value.get_config())
    return value


def checked_rate(rate: Any) -> float | LearningRateSchedule:
    """Returns a positive number, or a copy of a schedule."""
    if isinstance(rate, LearningRateSchedule):
        return type(rate).from_config(rate.get_config())  # some depend on their `fit`
    return positive("learning_rate", rate)


def takes(function: Callable, name: str) -> bool:
    """Whether a function takes a keyword argument of this name."""
    parameters = inspect.signature(function).parameters
    return name in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())
