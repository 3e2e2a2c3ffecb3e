"""Convolutional encoder and decoder for images."""

import math
from collections.abc import Sequence
from typing import Any

import keras

from tfae.arguments import whole_number
from tfae.layers.depth_to_space import DepthToSpace
from tfae.networks.checks import checked_activation, checked_sizes
from tfae.networks.heads import code_head
from tfae.networks.layers import Layers, informed


def conv(
    input_shape: Sequence[int],
    latent_dim: int,
    *,
    variational: bool = False,
    filters: Sequence[int] = (32, 64),
    kernel_size: int = 3,
    hidden_units: int | None = 128,
    activation: str = "relu",
    code_activation: str = "linear",
    kernel_initializer: str | keras.initializers.Initializer = "glorot_uniform",
    missing: bool = False,
    dtype: Any = None,
    seed: int | None = None,
) -> tuple[keras.Model, keras.Model]:
    """Builds an encoder of strided convolutions and a decoder of sub-pixel convolutions.

    To upsample, a convolution computes four times as many channels, which `DepthToSpace` rearranges
    into blocks of two by two pixels. This is a transposed convolution with a larger kernel, but
    LiteRT runs it several times faster in int8 than in float32 (benchmarks/upsampling.py).

    Args:
        input_shape: `(height, width, channels)` of one image; any size, odd ones included.
        latent_dim: Size of the code.
        variational: Whether the encoder gives `(mean, log_variance)`.
        filters: Channels after each convolution; each halves height and width (rounding up).
        kernel_size: Side of every kernel.
        hidden_units: Width of the dense layer between the convolutions and the code; `None` for no
            dense layers at all: the code is then a grid `(height, width, latent_dim)`.
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
        ValueError: If `input_shape` is not three positive integers, a size is not a positive
            integer, or there is no such initialiser.
    """
    input_shape = checked_sizes("input_shape", input_shape)
    if len(input_shape) != 3:
        raise ValueError(
            "`input_shape` of a convolutional network must be (height, width, channels); "
            f"received {input_shape}. Add a channel axis of 1 to grey images, or use "
            "architecture='mlp'."
        )
    (latent_dim,) = checked_sizes("latent_dim", [latent_dim])
    filters = checked_sizes("filters", filters)
    kernel_size = whole_number("kernel_size", kernel_size, 1)
    activation = checked_activation("activation", activation)
    code_activation = checked_activation("code_activation", code_activation)
    layers = Layers(kernel_initializer, dtype, seed)

    def dense(units: int, *, name: str) -> keras.layers.Layer:
        return layers.weighted(keras.layers.Dense, units, activation, name=name)

    def convolution(
        channels: int, strides: int, activation: Any = None, *, name: str
    ) -> keras.layers.Layer:
        return layers.weighted(
            keras.layers.Conv2D,
            channels,
            kernel_size,
            strides,
            "same",
            activation=activation,
            name=name,
            **layers.channels_last,
        )

    h = x = keras.Input(input_shape, name="x")
    mask = keras.Input(input_shape, name="mask") if missing else None
    sizes = [input_shape[:2]]  # height and width before each convolution
    for i, channels in enumerate(filters, start=1):
        layer = convolution(channels, 2, activation, name=f"conv_{i}")
        h = informed(layer, mask if i == 1 else None)(h)
        sizes.append(tuple(math.ceil(s / 2) for s in sizes[-1]))
    if hidden_units is not None:
        h = layers.plain(keras.layers.Flatten, name="flatten", **layers.channels_last)(h)
        h = informed(dense(hidden_units, name="hidden"), None if filters else mask)(h)
    mask_of_head = None if filters or hidden_units is not None else mask
    head = code_head(h, latent_dim, variational, code_activation, layers, mask_of_head)
    encoder = keras.Model([x, mask] if missing else x, head, name="encoder")

    smallest = (*sizes.pop(), filters[-1] if filters else input_shape[-1])
    if hidden_units is None:
        code = h = keras.Input((*smallest[:2], latent_dim), name="code")
    else:
        code = keras.Input((latent_dim,), name="code")
        h = dense(hidden_units, name="hidden")(code)
        h = dense(math.prod(smallest), name="unflatten")(h)
        h = layers.plain(keras.layers.Reshape, smallest, name="reshape")(h)
    widths = [*reversed(filters[:-1]), filters[0]] if filters else []
    for i, channels in enumerate(widths, start=1):
        h = convolution(4 * channels, 1, activation, name=f"conv_{i}")(h)
        h = layers.plain(DepthToSpace, name=f"upsample_{i}")(h)
        height, width = sizes.pop()
        surplus = (h.shape[1] - height, h.shape[2] - width)
        if any(surplus):
            cut = ((0, surplus[0]), (0, surplus[1]))
            crop = layers.plain(
                keras.layers.Cropping2D, cut, name=f"crop_{i}", **layers.channels_last
            )
            h = crop(h)
    h = convolution(input_shape[-1], 1, name="output")(h)
    return encoder, keras.Model(code, h, name="decoder")
