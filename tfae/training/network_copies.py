"""Frozen networks, new optimizers and compile options for training parts of a model."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf


def frozen(
    networks: Sequence[keras.layers.Layer], prepare: Callable[[tf.Tensor], Any] = lambda x: x
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns the chain of networks with their present weights, in inference mode.

    Args:
        networks: The networks, in the order of computation.
        prepare: Converts data to the input of the first one.

    Returns:
        A function from `(batch, ...)` to float32 codes, for `Dataset.map`. Its constants are on the
        CPU, where datasets are mapped.
    """
    variables = [variable for network in networks for variable in network.variables]
    with tf.device("CPU:0"):
        values = [tf.constant(variable.numpy()) for variable in variables]

    def encode(x: tf.Tensor) -> tf.Tensor:
        x = prepare(x)
        with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
            for network in networks:
                x = network(x, training=False)
        return tf.cast(x, tf.float32)

    return encode


def new_optimizer(optimizer: Any, model: keras.Model) -> keras.optimizers.Optimizer:
    """Makes a new optimizer with the configuration of the given one, else the model's, else Adam.

    Raises:
        ValueError: If `optimizer` is a name that Keras does not know.
    """
    if optimizer is None:
        optimizer = getattr(model, "optimizer", None) or "adam"
    optimizer = keras.optimizers.get(optimizer)
    return type(optimizer).from_config(optimizer.get_config())


def execution_options(model: keras.Model) -> dict[str, Any]:
    """Returns the arguments of `compile` that make another model run in the same mode."""
    return {
        "jit_compile": model._programs.requested["jit_compile"],
        "run_eagerly": model.run_eagerly,
    }
