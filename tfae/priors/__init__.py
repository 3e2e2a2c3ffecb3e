"""Distributions over codes, by name: what a model generates from.

A new prior is one file here with one class, listed in `PRIORS` if it has a name. Priors are
registered with Keras as "tfae.priors": a likelihood may have the same name.
"""

from typing import Any

import keras

from tfae.priors.fitted import FITTED, FittedGaussian, FittedGaussianMixture, fit
from tfae.priors.gaussian import Gaussian
from tfae.priors.prior import Prior

PRIORS = {"gaussian": Gaussian}

__all__ = [
    "FITTED",
    "PRIORS",
    "FittedGaussian",
    "FittedGaussianMixture",
    "Gaussian",
    "Prior",
    "fit",
    "get",
]


def get(identifier: Any) -> Prior:
    """Returns a `Prior` from its name, its serialised form, or itself.

    Raises:
        ValueError: If there is no prior of that name.
    """
    if isinstance(identifier, Prior):
        return identifier
    if isinstance(identifier, dict):
        return keras.saving.deserialize_keras_object(identifier)
    if isinstance(identifier, str) and identifier in PRIORS:
        return PRIORS[identifier]()
    raise ValueError(
        f"`prior` must be one of {sorted(PRIORS)} or a tfae.priors.Prior; "
        f"received prior={identifier!r}."
    )
