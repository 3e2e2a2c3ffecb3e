"""Copies of what a model holds, for training parts of it."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf


def frozen(networks: Sequence[keras.layers.Layer]) -> Callable[[tf.Tensor], tf.Tensor]:
    """The networks one after another, with the weights that they have now, in inference.

    Returns:
        A function of `(batch, ...)` to float32 codes for `Dataset.map`: its constants lie on the
        CPU, where datasets are mapped.
    """
    variables = [variable for network in networks for variable in network.variables]
    with tf.device("CPU:0"):
        values = [tf.constant(variable.numpy()) for variable in variables]

    def encode(x: tf.Tensor) -> tf.Tensor:
        with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
            for network in networks:
                x = network(x, training=False)
        return tf.cast(x, tf.float32)

    return encode


def new_optimizer(optimizer: Any, model: keras.Model) -> keras.optimizers.Optimizer:
    """A new optimizer with the configuration of the one given, or else of the model's, or Adam.

    Raises:
        ValueError: If `optimizer` is a name that Keras does not know.
    """
    if optimizer is None:
        optimizer = getattr(model, "optimizer", None) or "adam"
    optimizer = keras.optimizers.get(optimizer)
    return type(optimizer).from_config(optimizer.get_config())


def way_to_run(model: keras.Model) -> dict[str, Any]:
    """Arguments of `compile` that make another tfae model run as this one does."""
    return {
        "jit_compile": model._programs.requested["jit_compile"],
        "run_eagerly": model.run_eagerly,
    }
