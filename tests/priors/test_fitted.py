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


def test_a_mixture_fits_the_density_of_the_codes_and_samples_from_it():
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


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("kind", ["gaussian", "gaussian_mixture"])
def test_codes_with_nan_or_infinity_are_refused(kind, bad):
    codes = np.zeros((20, 2))
    codes[3:5, 1] = bad
    with pytest.raises(ValueError, match="2 of 40 values are NaN or infinite"):
        priors.fit(codes, kind)


def test_the_gaussian_has_the_mean_and_covariance_of_the_codes():
    codes, _ = clusters()
    prior = priors.fit(codes, "gaussian")
    expected = scipy.stats.multivariate_normal(codes.mean(axis=0), np.cov(codes.T, ddof=0))
    np.testing.assert_allclose(prior.log_density(codes), expected.logpdf(codes), rtol=1e-4)
    assert prior.log_density(codes.reshape(30, 100, 2)).shape == (30, 100)


def test_the_number_of_components_with_the_lowest_bic_is_chosen():
    codes, _ = clusters()
    prior = priors.fit(codes, "gaussian_mixture", num_components=(1, 2, 6))
    assert len(prior.means) == 2


def grids(n=4000):
    """Returns indices on a grid (2, 1): 0 to 2 in the first position, always 3 in the second."""
    rng = np.random.default_rng(0)
    first = rng.choice(3, p=[0.6, 0.3, 0.1], size=n)
    return np.stack([first, np.full(n, 3)], axis=1)[..., None]


CODEBOOK = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0], [6.0, 7.0]])
OF_CODES = {"codebook": CODEBOOK, "code_shape": (2, 1, 2)}


def fitted(kind):
    """Returns a density of that kind, fitted to suitable data."""
    if kind == "categorical":
        return priors.fit(grids(), kind, **OF_CODES)
    return priors.fit(clusters()[0], kind)


@pytest.mark.parametrize("smoothing", [0.0, 1.0, 400.0])
def test_the_categorical_probabilities_are_smoothed_frequencies(smoothing):
    indices = grids()
    prior = priors.fit(indices, "categorical", smoothing=smoothing, **OF_CODES)
    assert prior.probabilities.shape == (2, 1, 4)
    counts = np.stack([(indices == k).sum(axis=0) for k in range(4)], axis=-1)
    expected = (counts + smoothing / 4) / (4000 + smoothing)
    np.testing.assert_allclose(prior.probabilities, expected, rtol=1e-12)
    np.testing.assert_allclose(prior.probabilities.sum(axis=-1), 1.0)


@pytest.mark.parametrize("smoothing", [0.0, 400.0])
def test_categorical_samples_are_embeddings_at_their_probabilities(smoothing):
    prior = priors.fit(grids(), "categorical", smoothing=smoothing, **OF_CODES)
    n = 50_000
    drawn = prior.sample(n, [3, 0]).numpy()
    assert drawn.shape == (n, 2, 1, 2)
    np.testing.assert_array_equal(drawn[..., 1], drawn[..., 0] + 1)
    positions = drawn[..., 0] / 2
    assert set(np.unique(positions)) <= {0, 1, 2, 3}
    frequencies = np.stack([(positions == k).mean(axis=0) for k in range(4)], axis=-1)
    np.testing.assert_allclose(frequencies, prior.probabilities, atol=0.01)
    assert (frequencies[prior.probabilities == 0] == 0).all()
    # The positions are independent of each other.
    together = ((positions[:, 0] == 0) & (positions[:, 1] == 3)).mean()
    assert together == pytest.approx(frequencies[0, 0, 0] * frequencies[1, 0, 3], abs=0.01)


@pytest.mark.parametrize(
    ("grid", "code_shape", "num_embeddings"),
    [((), (2,), 4), ((3,), (6,), 4), ((2, 2), (2, 2, 2), 4), ((2, 2, 3), (2, 2, 6), 4),
     ((2,), (2, 2), 1)],
)  # fmt: skip
def test_categorical_samples_have_the_shape_of_a_code(grid, code_shape, num_embeddings):
    indices = np.zeros((5, *grid), np.int32)
    codebook = CODEBOOK[:num_embeddings]
    prior = priors.fit(indices, "categorical", codebook=codebook, code_shape=code_shape)
    assert prior.probabilities.shape == (*grid, num_embeddings)
    for n in (0, 1, 7):
        assert prior.sample(n, [1, 0]).shape == (n, *code_shape)


@pytest.mark.parametrize("kind", priors.FITTED)
def test_samples_follow_from_the_seed_and_do_not_depend_on_how_many_follow(kind):
    prior = fitted(kind)
    drawn = prior.sample(9, [3, 0]).numpy()
    assert drawn.dtype == np.float32
    np.testing.assert_array_equal(drawn, prior.sample(9, [3, 0]))
    np.testing.assert_allclose(prior.sample(5, [3, 0]), drawn[:5], rtol=1e-6)
    assert (prior.sample(9, [4, 0]).numpy() != drawn).any()
    assert prior.sample(0, [3, 0]).shape == (0, *drawn.shape[1:])
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(prior))
    assert type(again) is type(prior)
    np.testing.assert_array_equal(drawn, again.sample(9, [3, 0]))


def test_units_of_any_scale_are_fitted_and_constant_units_stay_constant():
    codes = np.random.default_rng(0).normal(size=(500, 3)) * [1e-4, 0.0, 1e5]
    drawn = priors.fit(codes, "gaussian").sample(2000, [1, 0]).numpy()
    np.testing.assert_allclose(drawn.std(axis=0), codes.std(axis=0), rtol=0.1, atol=1e-8)


@pytest.mark.parametrize("kind", ["categorical", "gaussian_mixture"])
def test_sampling_uses_only_tensorflows_ops_and_no_variables(kind):
    prior = fitted(kind)
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
        (np.zeros((9, 2)), "cauchy", {}, r"`kind` must be one of \['categorical', .*'cauchy'"),
        (np.zeros((9, 2)), "gaussian_mixture", {"num_components": 0}, "`num_components` must be"),
        (np.zeros((9, 2)), "gaussian_mixture", {"num_components": (2, 0.5)}, "`num_components`"),
        (np.zeros((9, 2)), "gaussian_mixture", {"num_components": 10}, "at least 10 codes"),
        (np.zeros((1, 2)), "gaussian", {}, "at least 2 codes"),
        (np.zeros((9, 2, 2)), "gaussian", {}, r"received shape \(9, 2, 2\)"),
        (np.zeros((0, 2), int), "categorical", OF_CODES, "at least 1 code"),
        (np.zeros((9, 2), int), "categorical", {**OF_CODES, "smoothing": -1}, "`smoothing` must"),
    ],
)
def test_invalid_codes_kinds_and_options_are_refused(codes, kind, options, message):
    with pytest.raises(ValueError, match=message):
        priors.fit(codes, kind, **options)
