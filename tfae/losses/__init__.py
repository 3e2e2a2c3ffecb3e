"""Terms of the training objectives. This package imports nothing else from tfae."""

from tfae.losses.divergence import (
    free_bits,
    gaussian_kl,
    gaussian_kl_per_dimension,
    gaussian_log_density,
)
from tfae.losses.likelihoods import Bernoulli, Gaussian, Likelihood, SquaredError
from tfae.losses.schedules import CyclicalWarmUp, LinearWarmUp

__all__ = [
    "Bernoulli",
    "CyclicalWarmUp",
    "Gaussian",
    "Likelihood",
    "LinearWarmUp",
    "SquaredError",
    "free_bits",
    "gaussian_kl",
    "gaussian_kl_per_dimension",
    "gaussian_log_density",
]
