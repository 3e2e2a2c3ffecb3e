"""Distributions over codes, by name: what a model generates from.

A new prior is one file here, listed in `PRIORS` if it has a name. Priors are
registered with Keras as "tfae.priors": a likelihood may have the same name.
"""

from typing import Any

import keras

from tfae.priors.class_and_style import ClassAndStyle
from tfae.priors.fitted import FITTED, FittedGaussian, FittedGaussianMixture, fit
from tfae.priors.fitted_categorical import FittedCategorical
from tfae.priors.gaussian import Gaussian
from tfae.priors.gaussian_ring import GaussianRing
from tfae.priors.mixture import LearnedMixture
from tfae.priors.prior import Prior
from tfae.priors.sampler import Sampler
from tfae.priors.swiss_roll import SwissRoll
from tfae.priors.uniform import Uniform
from tfae.priors.vamp import VampPrior

PRIORS = {
    "gaussian": Gaussian,
    "gaussian_ring": GaussianRing,
    "learned_mixture": LearnedMixture,
    "swiss_roll": SwissRoll,
    "uniform": Uniform,
}

__all__ = [
    "FITTED",
    "PRIORS",
    "ClassAndStyle",
    "FittedCategorical",
    "FittedGaussian",
    "FittedGaussianMixture",
    "Gaussian",
    "GaussianRing",
    "LearnedMixture",
    "Prior",
    "Sampler",
    "SwissRoll",
    "Uniform",
    "VampPrior",
    "fit",
    "get",
    "get_density",
    "get_fixed",
]


def get_fixed(identifier: Any) -> Prior:
    """As `get`, for models that draw from their prior and never ask for its density.

    Raises:
        ValueError: If there is no such prior, or it is one that is learned by its density.
    """
    prior = get(identifier)
    if prior.is_learned:
        raise ValueError(
            f"`prior` cannot be {type(prior).__name__} here: it is learned by its density, of "
            "which this model makes no use. A VariationalAutoencoder learns it."
        )
    return prior


def get_density(identifier: Any) -> Prior:
    """As `get`, for models that need the prior's density at every code.

    Raises:
        ValueError: If there is no such prior, or its density is zero somewhere or not known.
    """
    prior = get(identifier)
    if not prior.is_density or prior.is_bounded:
        problem = "that of {} is not" if prior.is_density else "{} has none"
        raise ValueError(
            "`prior` must have a density that is positive everywhere, for the KL to it; "
            f"{problem.format(type(prior).__name__)}. An AdversarialAutoencoder or a "
            "WassersteinAutoencoder takes it."
        )
    return prior


def get(identifier: Any) -> Prior:
    """Returns a `Prior` from its name, its serialised form, a function that samples, or itself.

    Raises:
        ValueError: If there is no prior of that name.
    """
    if isinstance(identifier, Prior):
        return identifier
    if isinstance(identifier, dict):
        return keras.saving.deserialize_keras_object(identifier)
    if isinstance(identifier, str) and identifier in PRIORS:
        return PRIORS[identifier]()
    if callable(identifier):
        return Sampler(identifier)
    raise ValueError(
        f"`prior` must be one of {sorted(PRIORS)}, a tfae.priors.Prior or a function; "
        f"received prior={identifier!r}."
    )
