"""Active units: the latent dimensions that a model uses."""

from typing import Any

import numpy as np

from tfae.arguments import non_negative
from tfae.evaluation import checks


def active_units(mean: Any, threshold: float = 0.01) -> np.ndarray:
    """Finds the dimensions that vary with the data: Var_x(E[z | x]) is above a threshold.

    Args:
        mean: Means of q(z | x), `(n, latent_dim)`, from `encode` of a variational model; two
            examples or more.
        threshold: Variance, zero or more, relative to the prior's.

    Returns:
        Booleans `(latent_dim,)`; their sum is the number of active units.

    Reference:
        Burda, Grosse and Salakhutdinov, "Importance Weighted Autoencoders", 2016, section 5.2.
    """
    threshold = non_negative("threshold", threshold)
    return checks.rows("mean", mean, minimum=2).var(axis=0) > threshold
