"""Checks that a decoder leaves the output activation to the likelihood."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from tfae.losses.likelihoods import Likelihood
from tfae.networks.output_layer import activation_of, has_graph, output_layer


def check_output_is_open(
    decoder: keras.layers.Layer, code_shape: Sequence[int | None], likelihood: Likelihood
) -> None:
    """Raises if the decoder ends in an activation although the likelihood applies a link.

    The model would then apply both, and train to poor results without any warning.

    Args:
        decoder: A built network.
        code_shape: Shape of its input, `(batch, ...)`.
        likelihood: Likelihood of the decoder's outputs.

    Raises:
        ValueError: If the decoder's last layer applies an activation, in whatever form; for a
            network whose layers Keras does not know, if its outputs are never negative.
    """
    if likelihood.link is None:
        return
    layer = output_layer(decoder)
    activation = activation_of(layer)
    if activation is not keras.activations.linear:
        ending = f"the {_name(activation)} of its layer {layer.name!r}"
    elif not has_graph(decoder) and _is_never_negative(decoder, code_shape[1:]):
        ending = "an activation: its outputs are never negative"
    else:
        return
    takes = "logits" if likelihood.link in ("sigmoid", "softmax") else "linear outputs"
    raise ValueError(
        f"`decoder` ends in {ending}, but the {type(likelihood).__name__} likelihood takes {takes} "
        f"and applies the {likelihood.link} itself. Leave out the activation, as in Dense(units), "
        "or keep it and choose likelihood='squared_error'."
    )


def _name(activation: object) -> str:
    return getattr(activation, "__name__", type(activation).__name__)


def _is_never_negative(network: keras.layers.Layer, shape: Sequence[int | None]) -> bool:
    """Whether the outputs for random codes are many, all non-negative, and not all equal."""
    if None in shape or not tf.executing_eagerly():
        return False
    codes = 10 * np.random.default_rng(0).standard_normal((64, *shape)).astype("float32")
    outputs = np.asarray(network(codes, training=False))
    return outputs.size > 256 and outputs.min() >= 0 and outputs.std() > 0
