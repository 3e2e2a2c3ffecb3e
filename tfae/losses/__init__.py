"""Terms of the training objectives. From tfae, this package imports only `tfae.arguments`."""

from tfae.losses.divergence import (
    expected_gaussian_log_density,
    free_bits,
    gaussian_entropy,
    gaussian_kl,
    gaussian_kl_per_dimension,
    gaussian_log_density,
)
from tfae.losses.likelihoods import (
    AbsoluteError,
    Bernoulli,
    Categorical,
    Columns,
    ContinuousBernoulli,
    DiscretizedLogistic,
    Gaussian,
    Huber,
    Laplace,
    Likelihood,
    NegativeBinomial,
    Poisson,
    SquaredError,
    StudentT,
)
from tfae.losses.mmd import (
    inverse_multiquadratic_kernel,
    rbf_kernel,
    squared_distances,
    squared_mmd,
)
from tfae.losses.schedules import CyclicalWarmUp, LinearWarmUp
from tfae.losses.sparsity import KL, L1, Sparsity, bernoulli_kl, zero_fraction

__all__ = [
    "KL",
    "L1",
    "AbsoluteError",
    "Bernoulli",
    "Categorical",
    "Columns",
    "ContinuousBernoulli",
    "CyclicalWarmUp",
    "DiscretizedLogistic",
    "Gaussian",
    "Huber",
    "Laplace",
    "Likelihood",
    "LinearWarmUp",
    "NegativeBinomial",
    "Poisson",
    "Sparsity",
    "SquaredError",
    "StudentT",
    "bernoulli_kl",
    "expected_gaussian_log_density",
    "free_bits",
    "gaussian_entropy",
    "gaussian_kl",
    "gaussian_kl_per_dimension",
    "gaussian_log_density",
    "inverse_multiquadratic_kernel",
    "rbf_kernel",
    "squared_distances",
    "squared_mmd",
    "zero_fraction",
]
