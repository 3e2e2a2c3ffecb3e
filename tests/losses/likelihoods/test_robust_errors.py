"""Errors that are robust to outliers."""

import numpy as np

from tfae.losses import AbsoluteError, Huber

X = np.float32([[-3.0, -0.5, 0.0, 0.5, 2.0]])
ZERO = np.zeros_like(X)


def test_absolute_error_is_the_sum_over_the_elements():
    np.testing.assert_allclose(AbsoluteError().loss(X, ZERO), [6.0])


def test_huber_is_quadratic_up_to_delta_and_linear_beyond():
    found = Huber(delta=1.0).elementwise_loss(X, ZERO)
    np.testing.assert_allclose(found, [[2.5, 0.125, 0.0, 0.125, 1.5]])
    np.testing.assert_allclose(Huber(delta=10.0).elementwise_loss(X, ZERO), X**2 / 2)
    np.testing.assert_allclose(
        Huber(1e-3).loss(X, ZERO) / 1e-3, AbsoluteError().loss(X, ZERO), 1e-3
    )
