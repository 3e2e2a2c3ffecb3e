"""What is specific to the likelihoods of binary and real data, and to the squared error."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from tfae.losses import Bernoulli, Gaussian, SquaredError, likelihoods

RNG = np.random.default_rng(0)
TARGET = RNG.random((5, 4, 3, 2)).astype("float32")
OUTPUT = RNG.normal(size=(5, 4, 3, 2)).astype("float32")


def test_bernoulli_is_the_negative_log_probability_of_binary_data():
    binary = (TARGET > 0.5).astype("float32")
    p = 1 / (1 + np.exp(-OUTPUT.astype("float64")))
    expected = -scipy.stats.bernoulli.logpmf(binary, p).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(Bernoulli().loss(binary, OUTPUT), expected, rtol=1e-5)
    np.testing.assert_allclose(Bernoulli().mean(OUTPUT), p, rtol=1e-5)


def test_bernoulli_stays_finite_for_huge_logits():
    logits = tf.constant([[1e4, -1e4, 1e30, -1e30]])
    loss = Bernoulli().loss(tf.constant([[1.0, 0.0, 1.0, 0.0]]), logits)
    np.testing.assert_array_equal(loss, [0.0])


@pytest.mark.parametrize("scale", [1.0, 0.25, 3])
def test_gaussian_is_the_negative_log_density_in_nats(scale):
    expected = -scipy.stats.norm.logpdf(TARGET, OUTPUT, scale).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(Gaussian(scale).loss(TARGET, OUTPUT), expected, rtol=1e-5)


def test_a_learned_scale_starts_at_one_and_is_optimal_at_the_scale_of_the_residuals():
    likelihood = Gaussian(scale="learned")
    np.testing.assert_allclose(
        likelihood.loss(TARGET, OUTPUT), Gaussian(1.0).loss(TARGET, OUTPUT), rtol=1e-6
    )
    residual = RNG.normal(scale=0.3, size=(2000, 4)).astype("float32")

    def gradient(scale):
        likelihood.log_scale.assign(np.log(scale))
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(likelihood.loss(residual, tf.zeros_like(residual)))
        return float(tape.gradient(loss, likelihood.trainable_variables)[0])

    found = np.sqrt(np.mean(residual**2))
    assert gradient(0.9 * found) < -0.1
    assert gradient(found) == pytest.approx(0, abs=1e-4)
    assert gradient(1.1 * found) > 0.1
    assert likelihood.formula()["scale"] == pytest.approx(1.1 * found, rel=1e-6)


def test_squared_error_is_the_sum_over_the_elements():
    expected = ((TARGET - OUTPUT) ** 2).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(SquaredError().loss(TARGET, OUTPUT), expected, rtol=1e-5)
    assert not SquaredError().is_density


@pytest.mark.parametrize("dtype", ["uint8", "int64", "bool", "float64"])
def test_targets_may_have_any_numeric_dtype(dtype):
    binary = (TARGET > 0.5).astype(dtype)
    np.testing.assert_allclose(
        Bernoulli().loss(binary, OUTPUT), Bernoulli().loss(binary.astype("float32"), OUTPUT)
    )


def test_get_takes_objects_and_names():
    own = Gaussian(0.5)
    assert likelihoods.get(own) is own
    assert isinstance(likelihoods.get("squared_error"), SquaredError)
