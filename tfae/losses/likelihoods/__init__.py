"""What the decoder's output means: the link to data space, and the loss of an example.

One likelihood a file. A new one is added to `LIKELIHOODS` under its short name.
"""

import keras

from tfae.losses.likelihoods.absolute_error import AbsoluteError
from tfae.losses.likelihoods.bernoulli import Bernoulli
from tfae.losses.likelihoods.categorical import Categorical
from tfae.losses.likelihoods.columns import Columns
from tfae.losses.likelihoods.continuous_bernoulli import ContinuousBernoulli
from tfae.losses.likelihoods.discretized_logistic import DiscretizedLogistic
from tfae.losses.likelihoods.gaussian import Gaussian
from tfae.losses.likelihoods.huber import Huber
from tfae.losses.likelihoods.laplace import Laplace
from tfae.losses.likelihoods.likelihood import Likelihood, at_least_float32
from tfae.losses.likelihoods.negative_binomial import NegativeBinomial
from tfae.losses.likelihoods.poisson import Poisson
from tfae.losses.likelihoods.squared_error import SquaredError
from tfae.losses.likelihoods.student_t import StudentT

LIKELIHOODS: dict[str, type[Likelihood]] = {
    "absolute_error": AbsoluteError,
    "bernoulli": Bernoulli,
    "categorical": Categorical,
    "continuous_bernoulli": ContinuousBernoulli,
    "discretized_logistic": DiscretizedLogistic,
    "gaussian": Gaussian,
    "huber": Huber,
    "laplace": Laplace,
    "negative_binomial": NegativeBinomial,
    "poisson": Poisson,
    "squared_error": SquaredError,
    "student_t": StudentT,
}
"""Likelihoods by their short names, with default parameters."""

__all__ = [
    "LIKELIHOODS",
    "AbsoluteError",
    "Bernoulli",
    "Categorical",
    "Columns",
    "ContinuousBernoulli",
    "DiscretizedLogistic",
    "Gaussian",
    "Huber",
    "Laplace",
    "Likelihood",
    "NegativeBinomial",
    "Poisson",
    "SquaredError",
    "StudentT",
    "at_least_float32",
    "get",
]


def get(identifier: str | dict | Likelihood) -> Likelihood:
    """Returns a `Likelihood` from its short name, its serialised form, or itself.

    Raises:
        ValueError: If the name is unknown.
    """
    if isinstance(identifier, Likelihood):
        return identifier
    if isinstance(identifier, dict):
        return keras.saving.deserialize_keras_object(identifier)
    if isinstance(identifier, str) and identifier in LIKELIHOODS:
        return LIKELIHOODS[identifier]()
    raise ValueError(
        f"`likelihood` must be one of {sorted(LIKELIHOODS)} or a tfae.losses.Likelihood; "
        f"received likelihood={identifier!r}."
    )
