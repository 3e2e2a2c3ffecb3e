"""The code layer that ends an encoder."""

import keras

from tfae.networks.layers import Layers, informed


def code_head(
    features: keras.KerasTensor,
    latent_dim: int,
    variational: bool,
    activation: str,
    layers: Layers,
    mask: keras.KerasTensor | None = None,
) -> keras.KerasTensor | list[keras.KerasTensor]:
    """Adds dense layers from features to the code, or to the mean and log-variance of a Gaussian.

    They stay in float32 under mixed precision: the exponential of a log-variance easily overflows
    float16, and users store codes.

    Args:
        features: Keras tensor of shape `(batch, features)`.
        latent_dim: Size of the code.
        variational: Whether to give `(mean, log_variance)` instead of one `code`. A log-variance
            needs no activation, since every real number is valid.
        activation: Activation of the code, `"linear"` for none.
        layers: Makes the layers.
        mask: Where the features are the data: the encoder's mask, if it takes one.

    Returns:
        One Keras tensor `(batch, latent_dim)`, or a list of two.

    Raises:
        ValueError: If a variational code is given an activation.
    """
    if variational and activation != "linear":
        raise ValueError(
            "`code_activation` must be 'linear' for a variational model, whose encoder gives the "
            f"mean and the log-variance of a Gaussian; received {activation!r}."
        )
    names = ["mean", "log_variance"] if variational else ["code"]
    heads = [
        layers.weighted(keras.layers.Dense, latent_dim, activation, name=name, dtype="float32")
        for name in names
    ]
    heads = [informed(head, mask)(features) for head in heads]
    return heads if variational else heads[0]
