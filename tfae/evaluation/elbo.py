"""The evidence lower bound and its parts."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import keras


class Elbo(NamedTuple):
    """Means over the examples, in nats.

    Attributes:
        elbo: -(reconstruction + kl), a lower bound of log p(x).
        reconstruction: E_q[-log p(x | z)].
        kl: KL(q(z | x) || p(z)), for all latent layers together.
    """

    elbo: float
    reconstruction: float
    kl: float


def elbo(model: keras.Model, x: Any, batch_size: int | None = None) -> Elbo:
    """Computes the evidence lower bound of a variational model: its losses, each with weight one.

    Args:
        model: A compiled model with the loss terms "reconstruction_loss" and "kl_loss", where the
            KL covers all latent layers.
        x: As for `evaluate`.
        batch_size: Examples at a time, for arrays.

    Raises:
        ValueError: If the model's loss terms do not add up to a bound of log p(x).

    Reference:
        Kingma and Welling, "Auto-Encoding Variational Bayes", 2014.
    """
    if not has_elbo(model):
        raise ValueError(
            f"The losses of this {type(model).__name__} do not add up to a bound of log p(x): that "
            "needs a likelihood that is a density, and a KL without a floor (free bits)."
        )
    return elbo_of(model.evaluate(x, batch_size=batch_size, verbose=0, return_dict=True))


def elbo_of(losses: Mapping[str, float]) -> Elbo:
    """Computes the bound from the losses that `evaluate` returns."""
    reconstruction = float(losses["reconstruction_loss"])
    kl = float(losses["kl_loss"])
    return Elbo(-reconstruction - kl, reconstruction, kl)


def has_elbo(model: keras.Model) -> bool:
    """Whether reconstruction loss and KL add up to a bound of log p(x)."""
    names = getattr(model, "loss_names", ())
    likelihood = getattr(model, "likelihood", None)
    has_terms = {"reconstruction_loss", "kl_loss"} <= set(names)
    has_floor = getattr(model, "free_bits", 0)  # then the logged KL includes the floor
    return has_terms and not has_floor and getattr(likelihood, "is_density", False)
