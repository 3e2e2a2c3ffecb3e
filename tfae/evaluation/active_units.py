"""Which latent dimensions a model uses."""

from typing import Any

import numpy as np

from tfae.arguments import non_negative
from tfae.evaluation import checks


def active_units(mean: Any, threshold: float = 0.01) -> np.ndarray:
    """Which dimensions vary with the data: those where Var_x(E[z | x]) is above a threshold.

    Args:
        mean: Means of q(z | x) of data, `(n, latent_dim)`, as `encode` of a variational model
            gives them; two examples or more.
        threshold: Variance, zero or more, in units of the prior's.

    Returns:
        Booleans `(latent_dim,)`; their sum is the number of active units.

    Reference:
        Burda, Grosse and Salakhutdinov, "Importance Weighted Autoencoders", 2016, section 5.2.
    """
    threshold = non_negative("threshold", threshold)
    return checks.rows("mean", mean, minimum=2).var(axis=0) > threshold
