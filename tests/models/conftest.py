"""A model for which everything is known in closed form."""

from collections.abc import Callable

import keras
import numpy as np
import pytest
import scipy.stats

import tfae


@pytest.fixture
def linear_gaussian() -> Callable:
    """Builds x = W z + b + noise, where p(x) is known, with the exact posterior as the encoder.

    The function takes a factor by which the encoder's variance is wrong, the class of the model and
    further arguments for it. It returns the model, data (300, 6), and log p(x) of the data.
    """

    def build(variance_factor=1.0, model_class=tfae.VariationalAutoencoder, **arguments):
        w, b, scale = linear_map()
        precision = 1.0 + np.sum(w**2, axis=0) / scale**2
        x = keras.Input((6,))
        mean, log_variance = keras.layers.Dense(2), keras.layers.Dense(2)
        encoder = keras.Model(x, [mean(x), log_variance(x)])
        to_mean = w / scale**2 / precision
        mean.set_weights([to_mean, -b @ to_mean])
        log_variance.set_weights([np.zeros((6, 2)), np.log(variance_factor / precision)])
        code = keras.Input((2,))
        out = keras.layers.Dense(6)
        decoder = keras.Model(code, out(code))
        out.set_weights([w.T, b])
        likelihood = tfae.losses.Gaussian(scale)
        model = model_class(encoder, decoder, likelihood=likelihood, seed=1, **arguments)
        marginal = scipy.stats.multivariate_normal(b, w @ w.T + scale**2 * np.eye(6))
        data = marginal.rvs(300, random_state=5).astype("float32")
        return model, data, marginal.logpdf(data)

    build.linear_map = linear_map
    return build


def linear_map():
    """Returns W (6, 2), b (6,), and the standard deviation of the noise.

    Orthogonal columns of W make the posterior's covariance diagonal.
    """
    rng = np.random.default_rng(3)
    w = np.linalg.qr(rng.normal(size=(6, 2)))[0] * [1.5, 0.7]
    return w, rng.normal(size=6), 0.5
