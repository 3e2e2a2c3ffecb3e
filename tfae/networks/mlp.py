"""Fully connected encoder and decoder."""

import math
from collections.abc import Sequence
from typing import Any

import keras

from tfae.networks.checks import checked_activation, checked_sizes
from tfae.networks.heads import code_head
from tfae.networks.layers import Layers, informed


def mlp(
    input_shape: Sequence[int],
    latent_dim: int,
    *,
    variational: bool = False,
    hidden_units: Sequence[int] = (512, 256),
    activation: str = "relu",
    code_activation: str = "linear",
    kernel_initializer: str | keras.initializers.Initializer = "glorot_uniform",
    missing: bool = False,
    dtype: Any = None,
    seed: int | None = None,
) -> tuple[keras.Model, keras.Model]:
    """Builds a multilayer perceptron as encoder, and its mirror image as decoder.

    Args:
        input_shape: Shape of one example, without the batch axis; the network flattens it.
        latent_dim: Size of the code.
        variational: Whether the encoder gives `(mean, log_variance)`.
        hidden_units: Widths of the encoder's hidden layers; the decoder has them in reverse. An
            empty sequence gives a linear autoencoder.
        activation: Activation of the hidden layers.
        code_activation: Activation of the code; linear for variational models.
        kernel_initializer: Initialiser of every kernel. Xavier's variance is 2/(n_in + n_out)
            ("glorot_uniform", "glorot_normal"; Glorot and Bengio, 2010); half of it is
            "half_glorot_uniform", "half_glorot_normal". Keras' other initialisers work too.
        missing: Whether the encoder has the mask of its data as a second input: 1 where observed.
        dtype: Dtype policy of the layers; Keras' global one by default. The code layer stays in
            float32 under mixed precision.
        seed: Integer that determines the initial weights; by default Keras' global seed.

    Returns:
        `(encoder, decoder)`; the decoder ends in a linear layer, for the likelihood to interpret.

    Raises:
        ValueError: If a size is not a positive integer, or there is no such initialiser.
    """
    input_shape = checked_sizes("input_shape", input_shape)
    (latent_dim,) = checked_sizes("latent_dim", [latent_dim])
    hidden_units = checked_sizes("hidden_units", hidden_units)
    activation = checked_activation("activation", activation)
    code_activation = checked_activation("code_activation", code_activation)
    layers = Layers(kernel_initializer, dtype, seed)

    def dense(units: int, activation: Any = None, *, name: str) -> keras.layers.Layer:
        return layers.weighted(keras.layers.Dense, units, activation, name=name)

    h = x = keras.Input(input_shape, name="x")
    mask = keras.Input(input_shape, name="mask") if missing else None
    if len(input_shape) > 1:
        h = layers.plain(keras.layers.Flatten, name="flatten", **layers.channels_last)(h)
    for i, units in enumerate(hidden_units, start=1):
        layer = dense(units, activation, name=f"hidden_{i}")
        h = informed(layer, mask if i == 1 else None)(h)
    mask_of_head = None if hidden_units else mask
    head = code_head(h, latent_dim, variational, code_activation, layers, mask_of_head)
    encoder = keras.Model([x, mask] if missing else x, head, name="encoder")

    code = keras.Input((latent_dim,), name="code")
    h = code
    for i, units in enumerate(reversed(hidden_units), start=1):
        h = dense(units, activation, name=f"hidden_{i}")(h)
    h = dense(math.prod(input_shape), name="output")(h)
    if len(input_shape) > 1:
        h = layers.plain(keras.layers.Reshape, input_shape, name="reshape")(h)
    return encoder, keras.Model(code, h, name="decoder")
