"""Detects changes of a model that its traced functions do not see.

TensorFlow traces Python once and keeps the graph. After that, `model.penalty = 5`, LoRA,
`quantize`, another activation or another encoder have no effect until the functions are traced
again.
"""

from typing import Any

import keras
import tensorflow as tf

from tfae.internals import all_layers, learning_rate_object


class Structure:
    """A snapshot of everything that a model's graphs depend on, except the values of variables.

    It covers every layer at any depth, the optimizers, and objects such as likelihoods and
    regularisers. It holds all their public attributes (numbers and strings by value, others by
    identity), their variables, their dtype policies, and what is trainable. It keeps references, so
    that no new object can have the address of an old one.
    """

    def __init__(self, model: keras.Model):
        self._values: list[Any] = []
        self._objects: list[Any] = []
        for layer in all_layers(model):
            self._objects.append(layer)
            self._values.append(layer.trainable)
            self._add_attributes(layer)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Structure)
            and self._values == other._values
            and len(self._objects) == len(other._objects)
            and all(a is b for a, b in zip(self._objects, other._objects, strict=True))
        )

    __hash__ = None

    def _add_attributes(self, owner: Any) -> None:
        for name, value in vars(owner).items():
            if isinstance(value, keras.Variable):
                self._objects.append(value)
                self._values.append(value.trainable)
            elif name in CHANGES_WHILE_RUNNING or (name[0] == "_" and name not in _PRIVATE):
                continue
            elif isinstance(value, _PLAIN):
                self._values.append(value)
            else:
                self._add(value)

    def _add(self, value: Any) -> None:
        self._objects.append(value)
        if isinstance(value, list | tuple):
            self._objects.extend(value)
        elif isinstance(value, dict):
            self._objects.extend(value.values())
        elif isinstance(value, keras.optimizers.Optimizer):
            self._objects.append(learning_rate_object(value))
            self._add_attributes(value)
        elif (
            not isinstance(value, keras.layers.Layer | tf.Variable | type)
            and type(value).__module__.startswith(("keras.", "tfae."))
            and hasattr(value, "__dict__")
        ):
            self._values.extend(
                inner
                for name, inner in vars(value).items()
                if name[0] != "_" and isinstance(inner, _PLAIN)
            )


_PLAIN = (bool, int, float, complex, str, bytes, type(None))
# The dtype policies of layers, whose public name, `dtype_policy`, is a property.
_PRIVATE = {"_dtype_policy"}
# Keras sets these while it runs. The seed of a tfae model is data, which is loaded from files.
CHANGES_WHILE_RUNNING = {
    "built",
    "compiled",
    "history",
    "input_spec",
    "predict_function",
    "seed",
    "steps_per_execution",
    "stop_evaluating",
    "stop_predicting",
    "stop_training",
    "test_function",
    "train_function",
    "unrolled_steps_per_execution",
}
