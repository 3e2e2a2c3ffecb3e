"""Networks that tell codes of data from draws from the prior."""

from collections.abc import Sequence
from typing import Any

import keras

from tfae.networks.checks import checked_activation, checked_sizes
from tfae.networks.layers import Layers


def discriminator(
    sizes: Sequence[int],
    hidden_units: Sequence[int] = (256, 256),
    activation: str = "leaky_relu",
    *,
    dtype: Any = None,
    seed: int | None = None,
) -> keras.Model:
    """Builds a multilayer perceptron with one logit for each part of a code.

    It has no batch normalisation, since the logit of one code must not depend on other codes.

    Args:
        sizes: Sizes of the parts of a code; a single one to judge the code as a whole.
        hidden_units: Widths of the hidden layers.
        activation: Activation of the hidden layers.
        dtype: Dtype policy of the hidden layers; Keras' global one by default. Logits are float32.
        seed: Integer that determines the initial weights; by default Keras' global seed.

    Returns:
        Model from codes `(batch, sum of sizes)` to logits `(batch, number of parts)`, which are
        high for draws from the prior.
    """
    sizes = checked_sizes("sizes", sizes)
    hidden_units = checked_sizes("discriminator_units", hidden_units)
    activation = checked_activation("activation", activation)
    layers = Layers("glorot_uniform", dtype, seed)
    code = keras.Input((sum(sizes),), name="code")
    logits, start = [], 0
    for i, size in enumerate(sizes, start=1):
        suffix = f"_{i}" if len(sizes) > 1 else ""
        h = code if len(sizes) == 1 else code[:, start : start + size]
        for j, units in enumerate(hidden_units, start=1):
            h = layers.weighted(keras.layers.Dense, units, activation, name=f"hidden{suffix}_{j}")(
                h
            )
        head = layers.weighted(keras.layers.Dense, 1, name=f"logit{suffix}", dtype="float32")
        logits.append(head(h))
        start += size
    joined = logits[0]
    if len(sizes) > 1:
        concatenate = layers.plain(keras.layers.Concatenate, name="logits", dtype="float32")
        joined = concatenate(logits)
    return keras.Model(code, joined, name="discriminator")
