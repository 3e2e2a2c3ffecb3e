"""Builders of pairs of encoder and decoder, by name.

A new architecture is one file here with one function
`name(input_shape, latent_dim, *, variational=False, ..., missing=False, dtype=None, seed=None)`
that returns `(encoder, decoder)`, listed in `ARCHITECTURES`. With `missing` the encoder takes
`[x, mask]`; `tfae.networks.layers.informed` lets its first layer use the mask. `discriminator`
builds the third network of an adversarial model.
"""

from collections.abc import Callable

import keras

from tfae.networks import filling  # noqa: F401  # Keras must know the layers of its models
from tfae.networks.conv import conv
from tfae.networks.discriminator import discriminator
from tfae.networks.mlp import mlp

ARCHITECTURES: dict[str, Callable[..., tuple[keras.Model, keras.Model]]] = {
    "mlp": mlp,
    "conv": conv,
}

__all__ = ["ARCHITECTURES", "conv", "discriminator", "mlp"]
