"""Networks that fill the missing values of tables."""

from collections.abc import Sequence

import keras

from tfae.layers.conditional_mean import ConditionalMean
from tfae.layers.dropout import Dropout
from tfae.layers.hiding import Hiding


def filling(
    dim: int,
    hidden_units: Sequence[int] = (512, 256),
    *,
    rank: int,
    dropout: float = 0.1,
    hide: tuple[float, float] = (0.1, 0.6),
    seed: int = 0,
) -> tuple[keras.Model, keras.Model]:
    """Builds networks that fill a row linearly, and correct that by what hidden layers find.

    The encoder hides further values in training. Its code is the row with the conditional means of
    a Gaussian (`ConditionalMean`), an indicator of what is missing, and the last hidden layer. The
    decoder adds a linear function of that layer to what is missing; the observed values pass
    through. It starts near zero, so training starts at the linear filling.

    Args:
        dim: Number of columns.
        hidden_units: Widths of the hidden layers.
        rank: Number of factors of the Gaussian.
        dropout: Rate of dropout after each hidden layer.
        hide: Lowest and highest rate at which observed values are hidden in training.
        seed: Integer that determines initial weights and noise.

    Returns:
        The encoder, which takes rows and their mask, and the decoder.
    """
    seeds = iter(range(seed, seed + 2 * len(hidden_units) + 3))
    x, mask = keras.Input((dim,), name="x"), keras.Input((dim,), name="mask")
    kept, kept_mask = Hiding(*hide, seed=next(seeds), name="hiding")([x, mask])
    filled = ConditionalMean(rank, name="filled")([kept, kept_mask])
    h = keras.layers.Concatenate(name="known")([filled, kept, kept_mask])
    for i, units in enumerate(hidden_units, start=1):
        initial = keras.initializers.HeNormal(seed=next(seeds))
        h = keras.layers.Dense(units, "gelu", kernel_initializer=initial, name=f"hidden_{i}")(h)
        h = Dropout(dropout, seed=next(seeds), name=f"dropout_{i}")(h)
    code = keras.layers.Concatenate(name="code")([filled, 1 - kept_mask, h])
    encoder = keras.Model([x, mask], code, name="encoder")

    code = keras.Input((code.shape[-1],), name="code")
    small = keras.initializers.VarianceScaling(0.01, seed=next(seeds))
    correction = keras.layers.Dense(dim, kernel_initializer=small, name="correction")
    decoder = keras.Model(
        code,
        code[:, :dim] + code[:, dim : 2 * dim] * correction(code[:, 2 * dim :]),
        name="decoder",
    )
    return encoder, decoder
