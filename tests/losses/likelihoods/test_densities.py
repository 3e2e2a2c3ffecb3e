"""Each density is compared with SciPy's, and its integral, mean and variance are checked."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from tfae.losses import (
    Bernoulli,
    Categorical,
    ContinuousBernoulli,
    DiscretizedLogistic,
    Gaussian,
    Laplace,
    NegativeBinomial,
    Poisson,
    StudentT,
)

SEED = tf.constant([5, 2], tf.int64)
REAL = np.linspace(-300, 300, 600_001)
UNIT = np.linspace(0, 1, 20_001)
COUNTS = np.arange(4000.0)
LEVELS = np.arange(256) / 255


def sigmoid(t):
    return 1 / (1 + np.exp(-t))


def negative_binomial(dispersion):
    n = 1 / dispersion
    return lambda t: scipy.stats.nbinom(n, n / (n + np.exp(t)))


# Likelihood, SciPy's distribution at an output, points of its support.
CASES = {
    "bernoulli": (Bernoulli(), lambda t: scipy.stats.bernoulli(sigmoid(t)), np.arange(2.0)),
    "gaussian": (Gaussian(), lambda t: scipy.stats.norm(t), REAL),
    "gaussian, scale 3": (Gaussian(3), lambda t: scipy.stats.norm(t, 3), REAL),
    "laplace": (Laplace(), lambda t: scipy.stats.laplace(t), REAL),
    "laplace, scale 0.4": (Laplace(0.4), lambda t: scipy.stats.laplace(t, 0.4), REAL),
    "student_t": (StudentT(), lambda t: scipy.stats.t(5, t), REAL),
    "student_t, scale 0.4": (StudentT(3, 0.4), lambda t: scipy.stats.t(3, t, 0.4), REAL),
    "student_t, nearly normal": (StudentT(1e8, 2), lambda t: scipy.stats.norm(t, 2), REAL),
    "poisson": (Poisson(), lambda t: scipy.stats.poisson(np.exp(t)), COUNTS),
    "negative_binomial": (NegativeBinomial(1.0), negative_binomial(1.0), COUNTS),
    "negative_binomial, 0.01": (NegativeBinomial(0.01), negative_binomial(0.01), COUNTS),
    "negative_binomial, nearly Poisson": (
        NegativeBinomial(1e-8),
        lambda t: scipy.stats.poisson(np.exp(t)),
        COUNTS,
    ),
    "continuous_bernoulli": (ContinuousBernoulli(), None, UNIT),
    "discretized_logistic": (DiscretizedLogistic(), None, LEVELS),
    "discretized_logistic, narrow": (DiscretizedLogistic(0.002), None, LEVELS),
}
OUTPUTS = (-3.0, -0.4, 0.0, 1e-4, 0.3, 0.499, 0.501, 0.9, 4.0)

every_density = pytest.mark.parametrize(
    ("likelihood", "distribution", "points"), CASES.values(), ids=CASES
)


def loss(likelihood, points, output, dtype="float32"):
    points = tf.constant(points[:, None], dtype)
    return likelihood.loss(points, tf.fill(points.shape, tf.constant(output, dtype))).numpy()


@every_density
def test_every_density_integrates_to_one(likelihood, distribution, points):
    is_continuous = points is REAL or points is UNIT
    for output in OUTPUTS[::2] if points is REAL else OUTPUTS:
        density = np.exp(-np.float64(loss(likelihood, points, output, "float64")))
        total = np.trapezoid(density, points) if is_continuous else density.sum()
        assert total == pytest.approx(1, abs=1e-4 if points is REAL else 1e-5)


@pytest.mark.parametrize(
    ("likelihood", "distribution", "points"),
    [case for case in CASES.values() if case[1]],
    ids=[name for name, case in CASES.items() if case[1]],
)
def test_densities_agree_with_scipy_to_five_digits(likelihood, distribution, points):
    is_continuous = points is REAL
    points = np.linspace(-20, 20, 81) if is_continuous else points[:: len(points) // 200 + 1]
    for output in np.float32(OUTPUTS):
        known = distribution(np.float64(output))
        expected = -(known.logpdf if is_continuous else known.logpmf)(points)
        np.testing.assert_allclose(loss(likelihood, points, output), expected, rtol=1e-5, atol=1e-5)


@every_density
@pytest.mark.parametrize("output", [-0.4, 0.9])
def test_samples_have_the_mean_and_variance_of_the_density(
    likelihood, distribution, points, output
):
    n = 200_000
    drawn = likelihood.sample(tf.fill([n, 1], output), SEED).numpy().astype("float64")
    if distribution is None:
        density = np.exp(-np.float64(loss(likelihood, points, output, "float64")))
        density /= density.sum()
        mean = (density * points).sum()
        variance = (density * (points - mean) ** 2).sum()
    else:
        mean, variance = distribution(output).stats("mv")
    assert drawn.mean() == pytest.approx(mean, abs=4.5 * np.sqrt(variance / n) + 1e-6)
    heavy = isinstance(likelihood, StudentT) and likelihood.degrees_of_freedom < 5
    if not heavy:  # with an infinite fourth moment, the sample variance does not converge
        assert drawn.var() == pytest.approx(variance, rel=0.1)
    found = likelihood.mean(tf.constant([[output]])).numpy().item()
    assert found == pytest.approx(mean, abs=1e-3 if points is LEVELS else 1e-5)


def test_large_counts_keep_their_digits_in_float32():
    counts, mean = np.float32([0, 1, 7, 8, 40, 1e3, 3e4, 1e6]), 2.0e4
    output = np.float32(np.log(mean))
    mean = np.exp(np.float64(output))
    expected = -scipy.stats.poisson.logpmf(counts, mean)
    np.testing.assert_allclose(loss(Poisson(), counts, output), expected, rtol=2e-5)
    for dispersion in (0.01, 0.5, 100.0):
        expected = -scipy.stats.nbinom.logpmf(counts, 1 / dispersion, 1 / (1 + mean * dispersion))
        found = loss(NegativeBinomial(dispersion), counts, output)
        np.testing.assert_allclose(found, expected, rtol=2e-5)


def test_means_of_counts_grow_linearly_beyond_an_output_of_eleven():
    mean = Poisson().mean(tf.constant([10.9, 11.0, 12.0, 31.0])).numpy()
    np.testing.assert_allclose(mean, np.exp([10.9, 11, 11, 11]) * [1, 1, 2, 21], rtol=1e-6)
    half = Poisson().mean(tf.constant([11.0, 31.0], tf.float16))
    np.testing.assert_allclose(half, mean[[1, 3]], rtol=1e-6)


@pytest.mark.parametrize("logit", [0.0, 1e-6, -1e-4, 0.4999, 0.5001, -0.5])
def test_the_continuous_bernoulli_is_smooth_around_one_half(logit):
    """Loss, gradient and mean against integrals in float64."""
    output = tf.constant([[logit]])
    with tf.GradientTape() as tape:
        tape.watch(output)
        found = ContinuousBernoulli().loss(tf.constant([[0.25]]), output)
    x, t = np.linspace(0, 1, 20_001), np.float64(np.float32(logit))
    weight = np.exp(t * x)
    log_normaliser = np.log(np.trapezoid(weight, x))
    mean = np.trapezoid(weight * x, x) / np.trapezoid(weight, x)
    assert found.numpy().item() == pytest.approx(log_normaliser - 0.25 * t, abs=2e-7)
    assert tape.gradient(found, output).numpy().item() == pytest.approx(mean - 0.25, abs=1e-6)
    assert ContinuousBernoulli().mean(output).numpy().item() == pytest.approx(mean, abs=1e-6)


def test_the_discretized_logistic_gives_the_outer_levels_all_mass_beyond_them():
    def loss_at(level, output):
        return DiscretizedLogistic(0.1).loss(tf.constant([[level]]), tf.constant([[output]]))

    for end, far in ((0.0, -5.0), (1.0, 6.0)):
        np.testing.assert_allclose(loss_at(end, far), [0.0], atol=1e-6)
    # Targets are rounded to the nearest of the levels.
    np.testing.assert_array_equal(loss_at(0.5011, 0.4), loss_at(128 / 255, 0.4))


def test_categorical_is_the_log_probability_of_the_class():
    logits = np.random.default_rng(0).normal(size=(6, 5)).astype("float32")
    probability = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    classes = np.array([0, 4, 2, 2, 1, 3])
    one_hot = np.eye(5, dtype="float32")[classes]
    expected = -np.log(probability[np.arange(6), classes])
    np.testing.assert_allclose(Categorical().loss(one_hot, logits), expected, rtol=1e-5)
    np.testing.assert_allclose(Categorical().mean(logits), probability, rtol=1e-5)
    np.testing.assert_allclose(np.exp(-Categorical().loss(np.eye(5), logits[:1])).sum(), 1, 1e-6)


def test_categorical_takes_several_variables_along_the_last_axis():
    logits = np.random.default_rng(1).normal(size=(6, 3, 8)).astype("float32")
    likelihood, one = Categorical(num_classes=4), Categorical()
    drawn = likelihood.sample(tf.constant(logits), SEED).numpy()
    np.testing.assert_array_equal(drawn.reshape(6, 3, 2, 4).sum(axis=-1), 1)
    halves = [one.loss(drawn[..., i : i + 4], logits[..., i : i + 4]) for i in (0, 4)]
    np.testing.assert_allclose(likelihood.loss(drawn, logits), sum(halves), rtol=1e-5)
    with pytest.raises(ValueError, match="must be a multiple of 3; it is 8"):
        Categorical(num_classes=3).mean(logits)


def test_categorical_samples_follow_the_probabilities():
    logits = np.log([0.7, 0.2, 0.1]).astype("float32")
    drawn = Categorical().sample(tf.repeat(logits[None], 100_000, axis=0), SEED)
    np.testing.assert_allclose(np.mean(drawn, axis=0), [0.7, 0.2, 0.1], atol=0.006)


def test_an_unknown_class_costs_nothing():
    assert Categorical().loss(np.zeros((1, 3)), np.ones((1, 3), "float32")).numpy() == 0
