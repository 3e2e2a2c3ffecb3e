from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from tfae.losses import (
    inverse_multiquadratic_kernel,
    rbf_kernel,
    squared_distances,
    squared_mmd,
)

RNG = np.random.default_rng(2)
X, Y = RNG.normal(size=(7, 3)), RNG.normal(1.0, 2.0, size=(5, 3))

# Each kernel, and its formula for two points.
KERNELS = {
    "rbf": (
        partial(rbf_kernel, bandwidths=(0.7, 2.0)),
        lambda d: (np.exp(-d / (2 * 0.7**2)) + np.exp(-d / (2 * 2.0**2))) / 2,
    ),
    "inverse multiquadratic": (
        partial(inverse_multiquadratic_kernel, scales=(0.5, 6.0)),
        lambda d: 0.5 / (0.5 + d) + 6.0 / (6.0 + d),
    ),
}


@pytest.mark.parametrize(("kernel", "formula"), KERNELS.values(), ids=KERNELS)
@pytest.mark.parametrize("unbiased", [True, False])
def test_mmd_agrees_with_its_definition(kernel, formula, unbiased):
    def mean(a, b, leave_out):
        values = [
            formula(((p - q) ** 2).sum())
            for i, p in enumerate(a)
            for j, q in enumerate(b)
            if not (leave_out and i == j)
        ]
        return np.mean(values)

    expected = mean(X, X, unbiased) + mean(Y, Y, unbiased) - 2 * mean(X, Y, False)
    np.testing.assert_allclose(squared_mmd(X, Y, kernel, unbiased), expected, rtol=1e-10)


def test_mmd_of_two_gaussians_agrees_with_the_closed_form():
    """Variance 1, means 0 and 1 in d dimensions, bandwidth 1: 2 r^(d/2) (1 - exp(-d r / 2))."""
    d, n = 2, 3000
    r = 1 / 3  # bandwidth^2 / (bandwidth^2 + 2 variance)
    expected = 2 * r ** (d / 2) * (1 - np.exp(-d * r / 2))
    x, y = RNG.normal(size=(n, d)), RNG.normal(1.0, size=(n, d))
    assert float(squared_mmd(x, y)) == pytest.approx(expected, abs=0.03)
    assert float(squared_mmd(x, RNG.normal(size=(n, d)))) == pytest.approx(0.0, abs=2e-3)


def test_the_unbiased_estimate_has_mean_zero_and_the_biased_one_is_never_negative():
    pairs = [RNG.normal(size=(2, 10, 2)) for _ in range(100)]
    unbiased = np.array([squared_mmd(x, y) for x, y in pairs])
    biased = np.array([squared_mmd(x, y, unbiased=False) for x, y in pairs])
    assert abs(unbiased.mean()) < 4 * unbiased.std() / np.sqrt(len(pairs))
    assert (unbiased < 0).any()
    assert biased.min() >= 0
    assert float(squared_mmd(X, X, unbiased=False)) == pytest.approx(0.0, abs=1e-12)


def test_gradients_move_one_sample_towards_the_other_in_float32_under_xla():
    @tf.function(jit_compile=True)
    def gradient(x, y):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = squared_mmd(x, y, inverse_multiquadratic_kernel)
        return tape.gradient(value, x)

    x = tf.constant(X, tf.float32)
    step = gradient(x, x + 1.5)
    assert np.isfinite(step).all()
    assert (step.numpy().mean(0) < 0).all()


def test_squared_distances_are_never_negative_despite_rounding():
    far = tf.constant(RNG.normal(1000.0, 1e-3, size=(20, 8)), tf.float32)
    assert float(tf.reduce_min(squared_distances(far, far))) >= 0
