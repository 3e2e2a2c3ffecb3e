"""Whether a decoder leaves the link to the likelihood."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from tfae.losses.likelihoods import Likelihood
from tfae.networks.outputs import activation_of, has_graph, output_layer


def check_output_is_open(
    decoder: keras.layers.Layer, code_shape: Sequence[int | None], likelihood: Likelihood
) -> None:
    """Refuses a decoder that ends in an activation under a likelihood that has a link itself.

    The link would be applied twice, and training would come to poor results without a word.

    Args:
        decoder: Built.
        code_shape: What it takes, `(batch, ...)`.
        likelihood: Of its outputs.

    Raises:
        ValueError: If the decoder's last layer applies an activation, however it is written; of a
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
    raise ValueError(
        f"`decoder` ends in {ending}, but the {type(likelihood).__name__} likelihood applies the "
        f"{likelihood.link} itself and takes logits. Leave the activation out, such as "
        "Dense(units) without `activation`; or keep it and choose likelihood='squared_error'."
    )


def _name(activation: object) -> str:
    return getattr(activation, "__name__", type(activation).__name__)


def _is_never_negative(network: keras.layers.Layer, shape: Sequence[int | None]) -> bool:
    """Whether random codes give many outputs, all of them at least zero, and not all alike."""
    if None in shape or not tf.executing_eagerly():
        return False
    codes = 10 * np.random.default_rng(0).standard_normal((64, *shape)).astype("float32")
    outputs = np.asarray(network(codes, training=False))
    return outputs.size > 256 and outputs.min() >= 0 and outputs.std() > 0
