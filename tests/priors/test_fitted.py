"""Densities fitted to codes."""

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from tfae import priors


def clusters(n=3000):
    """Draws from a mixture of two correlated Gaussians, and its density."""
    rng = np.random.default_rng(0)
    parts = [
        scipy.stats.multivariate_normal([-2, 0], [[0.5, 0.4], [0.4, 0.5]]),
        scipy.stats.multivariate_normal([2, 1], [[0.3, 0.0], [0.0, 1.0]]),
    ]
    first = rng.random(n) < 0.7
    codes = np.where(first[:, None], *(part.rvs(n, random_state=rng) for part in parts))
    return codes, lambda x: 0.7 * parts[0].pdf(x) + 0.3 * parts[1].pdf(x)


def test_the_mixture_finds_the_density_and_draws_from_it():
    codes, density = clusters()
    prior = priors.fit(codes, "gaussian_mixture", num_components=2)
    np.testing.assert_allclose(np.sort(prior.probabilities), [0.3, 0.7], atol=0.03)
    np.testing.assert_allclose(np.exp(prior.log_density(codes)), density(codes), atol=0.03)
    drawn = prior.sample(20_000, [3, 0]).numpy()
    np.testing.assert_allclose(drawn.mean(axis=0), codes.mean(axis=0), atol=0.05)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(codes.T), atol=0.1)
    left = drawn[drawn[:, 0] < 0]
    assert len(left) / len(drawn) == pytest.approx(0.7, abs=0.03)
    np.testing.assert_allclose(np.cov(left.T), [[0.5, 0.4], [0.4, 0.5]], atol=0.05)


def test_the_gaussian_has_the_mean_and_covariance_of_the_codes():
    codes, _ = clusters()
    prior = priors.fit(codes, "gaussian")
    expected = scipy.stats.multivariate_normal(codes.mean(axis=0), np.cov(codes.T, ddof=0))
    np.testing.assert_allclose(prior.log_density(codes), expected.logpdf(codes), rtol=1e-4)
    assert prior.log_density(codes.reshape(30, 100, 2)).shape == (30, 100)


def test_of_several_numbers_of_components_the_lowest_bic_wins():
    codes, _ = clusters()
    prior = priors.fit(codes, "gaussian_mixture", num_components=(1, 2, 6))
    assert len(prior.means) == 2


@pytest.mark.parametrize("kind", priors.FITTED)
def test_samples_follow_from_the_seed_and_a_shorter_draw_is_the_begin_of_a_longer(kind):
    prior = priors.fit(clusters()[0], kind)
    drawn = prior.sample(9, [3, 0]).numpy()
    assert drawn.dtype == np.float32
    np.testing.assert_array_equal(drawn, prior.sample(9, [3, 0]))
    np.testing.assert_allclose(prior.sample(5, [3, 0]), drawn[:5], rtol=1e-6)
    assert (prior.sample(9, [4, 0]).numpy() != drawn).any()
    assert prior.sample(0, [3, 0]).shape == (0, 2)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(prior))
    assert type(again) is type(prior)
    np.testing.assert_array_equal(drawn, again.sample(9, [3, 0]))


def test_a_unit_that_is_always_zero_stays_so_and_scales_do_not_matter():
    codes = np.random.default_rng(0).normal(size=(500, 3)) * [1e-4, 0.0, 1e5]
    drawn = priors.fit(codes, "gaussian").sample(2000, [1, 0]).numpy()
    np.testing.assert_allclose(drawn.std(axis=0), codes.std(axis=0), rtol=0.1, atol=1e-8)


def test_the_graph_of_a_sample_holds_tensorflows_own_ops_and_no_variables():
    prior = priors.fit(clusters()[0], "gaussian_mixture", num_components=3)
    assert not prior.variables
    sample = tf.function(lambda seed: prior.sample(4, seed)).get_concrete_function(
        tf.TensorSpec([2], tf.int64)
    )
    assert not [op.type for op in sample.graph.get_operations() if op.type.startswith("Tfae>")]
    np.testing.assert_allclose(
        sample(tf.constant([3, 0], tf.int64)), prior.sample(4, [3, 0]), rtol=1e-5
    )


@pytest.mark.parametrize(
    ("codes", "kind", "options", "message"),
    [
        (np.zeros((9, 2)), "cauchy", {}, r"`kind` must be one of \['gaussian', .*'cauchy'"),
        (np.zeros((9, 2)), "gaussian_mixture", {"num_components": 0}, "`num_components` must be"),
        (np.zeros((9, 2)), "gaussian_mixture", {"num_components": (2, 0.5)}, "`num_components`"),
        (np.zeros((9, 2)), "gaussian_mixture", {"num_components": 10}, "at least 10 codes"),
        (np.zeros((1, 2)), "gaussian", {}, "at least 2 codes"),
        (np.zeros((9, 2, 2)), "gaussian", {}, r"received shape \(9, 2, 2\)"),
    ],
)
def test_what_cannot_be_fitted_is_refused(codes, kind, options, message):
    with pytest.raises(ValueError, match=message):
        priors.fit(codes, kind, **options)
