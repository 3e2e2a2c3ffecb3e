"""Networks that tell codes of data from codes of a prior."""

from collections.abc import Sequence

import keras

from tfae.networks.checks import checked_sizes


def discriminator(
    sizes: Sequence[int],
    hidden_units: Sequence[int] = (256, 256),
    activation: str = "leaky_relu",
) -> keras.Model:
    """Builds a multilayer perceptron for each part of a code, each with a verdict of its own.

    There is no batch normalisation in it: the verdict on one code must not depend on others.

    Args:
        sizes: Widths of the parts that the code consists of; one for a code that is judged as a
            whole.
        hidden_units: Widths of the hidden layers.
        activation: Activation of the hidden layers.

    Returns:
        Model from codes `(batch, sum of sizes)` to logits `(batch, number of parts)`, which are
        large for codes of the prior.
    """
    sizes = checked_sizes("sizes", sizes)
    hidden_units = checked_sizes("discriminator_units", hidden_units)
    code = keras.Input((sum(sizes),), name="code")
    verdicts, start = [], 0
    for i, size in enumerate(sizes, start=1):
        suffix = f"_{i}" if len(sizes) > 1 else ""
        h = code if len(sizes) == 1 else code[:, start : start + size]
        for j, units in enumerate(hidden_units, start=1):
            h = keras.layers.Dense(units, activation, name=f"hidden{suffix}_{j}")(h)
        verdicts.append(keras.layers.Dense(1, name=f"verdict{suffix}", dtype="float32")(h))
        start += size
    joined = verdicts[0] if len(sizes) == 1 else keras.layers.Concatenate(name="verdicts")(verdicts)
    return keras.Model(code, joined, name="discriminator")
