"""The evidence lower bound and its parts."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import keras


class Elbo(NamedTuple):
    """Means over the examples, in nats.

    Attributes:
        elbo: -(reconstruction + kl), a bound on log p(x) from below.
        reconstruction: E_q[-log p(x | z)].
        kl: KL(q(z | x) || p(z)), of all layers of codes.
    """

    elbo: float
    reconstruction: float
    kl: float


def elbo(model: keras.Model, x: Any, batch_size: int | None = None) -> Elbo:
    """The evidence lower bound of a variational model: `evaluate` with every weight at one.

    Args:
        model: Compiled, with the loss terms "reconstruction_loss" and "kl_loss", the latter of all
            layers of codes.
        x: As for `evaluate`.
        batch_size: Examples at a time, for arrays.

    Raises:
        ValueError: If the terms of the model's loss do not make a bound on log p(x).

    Reference:
        Kingma and Welling, "Auto-Encoding Variational Bayes", 2014.
    """
    if not has_elbo(model):
        raise ValueError(
            f"The losses of this {type(model).__name__} make no bound on log p(x): that needs a "
            "reconstruction loss that is a density, and a KL without a floor (free bits)."
        )
    return elbo_of(model.evaluate(x, batch_size=batch_size, verbose=0, return_dict=True))


def elbo_of(losses: Mapping[str, float]) -> Elbo:
    """The bound from losses as `evaluate` gives them."""
    reconstruction = float(losses["reconstruction_loss"])
    kl = float(losses["kl_loss"])
    return Elbo(-reconstruction - kl, reconstruction, kl)


def has_elbo(model: keras.Model) -> bool:
    """Whether reconstruction loss and KL add up to a bound on log p(x)."""
    names = getattr(model, "loss_names", ())
    likelihood = getattr(model, "likelihood", None)
    has_terms = {"reconstruction_loss", "kl_loss"} <= set(names)
    floored = getattr(model, "free_bits", 0)  # then the KL is logged with its floor
    return has_terms and not floored and getattr(likelihood, "is_density", False)
