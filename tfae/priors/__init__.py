"""Priors: distributions over codes, from which models generate.

A new prior is one file here, listed in `PRIORS` if it has a short name. Priors are registered with
Keras as "tfae.priors", since a likelihood may have the same class name.
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
    """Like `get`, for models that sample their prior but do not use its density.

    Raises:
        ValueError: If there is no such prior, or it is learned through its density.
    """
    prior = get(identifier)
    if prior.is_learned:
        raise ValueError(
            f"`prior` cannot be {type(prior).__name__} here: it is learned through its density, "
            "which this model does not use. Use it in a VariationalAutoencoder."
        )
    return prior


def get_density(identifier: Any) -> Prior:
    """Like `get`, for models that need the prior's density at every code.

    Raises:
        ValueError: If there is no such prior, or its density is unknown or zero somewhere.
    """
    prior = get(identifier)
    if not prior.is_density or prior.is_bounded:
        problem = "is zero somewhere" if prior.is_density else "is not known"
        raise ValueError(
            "`prior` must have a density that is positive everywhere, for the KL divergence; that "
            f"of {type(prior).__name__} {problem}. Use it in an AdversarialAutoencoder or a "
            "WassersteinAutoencoder."
        )
    return prior


def get(identifier: Any) -> Prior:
    """Returns a `Prior` from its name, its serialised form, a sampling function, or itself.

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
