"""Imputation: by every model, and compared with the closed form of a linear-Gaussian one."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfae

RNG = np.random.default_rng(0)
FULL = RNG.uniform(size=(12, 4, 3)).astype("float32")
OBSERVED = RNG.uniform(size=FULL.shape) > 0.3
OBSERVED[3] = False
OBSERVED[0] = True
HOLES = np.where(OBSERVED, FULL, np.nan).astype("float32")
MODELS = tfae.models.MODELS.values()
every_model = pytest.mark.parametrize("model_class", MODELS, ids=lambda m: m.__name__)


@functools.cache
def small(model_class):
    if model_class is tfae.SparseCoding:
        model = model_class(5, missing="mask", seed=1)
        model.compile(run_eagerly=True)
        model.fit(HOLES, epochs=1, batch_size=12, verbose=0)
        return model
    return model_class.from_shape(FULL.shape[1:], 3, hidden_units=(5,), missing="mask", seed=1)


@every_model
def test_observed_values_stay_and_missing_ones_are_filled(model_class):
    model = small(model_class)
    filled = model.impute(HOLES, num_samples=3, seed=1)
    assert filled.dtype == np.float32
    np.testing.assert_array_equal(filled[OBSERVED], FULL[OBSERVED])
    assert np.isfinite(filled).all()
    if not model.weighs_codes:
        np.testing.assert_array_equal(filled[~OBSERVED], model.reconstruct(HOLES)[~OBSERVED])


def test_models_without_missing_values_refuse_to_impute():
    model = tfae.Autoencoder.from_shape((3,), 2, hidden_units=())
    with pytest.raises(ValueError, match="missing='mask'"):
        model.impute(np.ones((2, 3)))


@pytest.mark.parametrize("name", ["num_samples", "num_imputations"])
def test_numbers_of_samples_are_checked(name):
    with pytest.raises(ValueError, match=f"`{name}`"):
        small(tfae.VariationalAutoencoder).impute(HOLES, **{name: 0})


def test_masks_and_datasets_give_the_same_result_as_nan():
    model = small(tfae.VariationalAutoencoder)
    expected = model.impute(HOLES, num_samples=3, seed=1, batch_size=5)
    masked = {"x": FULL, "mask": OBSERVED}
    np.testing.assert_array_equal(model.impute(masked, 3, seed=1, batch_size=5), expected)
    dataset = tf.data.Dataset.from_tensor_slices(HOLES).batch(5)
    np.testing.assert_array_equal(model.impute(dataset, 3, seed=1), expected)


def test_observed_values_in_float64_are_not_rounded():
    precise = HOLES.astype("float64") + 1e-12
    filled = small(tfae.Autoencoder).impute(precise)
    assert filled.dtype == np.float64
    np.testing.assert_array_equal(filled[OBSERVED], precise[OBSERVED])


def test_no_rows_give_no_rows():
    model = small(tfae.VariationalAutoencoder)
    assert model.impute(HOLES[:0], seed=1).shape == (0, 4, 3)
    assert model.impute(HOLES[:0], seed=1, num_imputations=2).shape == (2, 0, 4, 3)


def test_deterministic_codes_are_imputed_by_draws_of_the_likelihood():
    draws = small(tfae.Autoencoder).impute(HOLES, seed=1, num_imputations=3)
    assert draws.shape == (3, *HOLES.shape)
    np.testing.assert_array_equal(draws[:, OBSERVED], np.tile(FULL[OBSERVED], (3, 1)))
    assert set(np.unique(draws[:, ~OBSERVED])) == {0.0, 1.0}  # Bernoulli
    assert (draws[0] != draws[1]).any()


def test_plain_errors_have_means_but_no_draws():
    model = tfae.VariationalAutoencoder.from_shape(
        FULL.shape[1:], 3, hidden_units=(5,), likelihood="squared_error", missing="mask", seed=1
    )
    assert np.isfinite(model.impute(HOLES, 3)).all()
    with pytest.raises(ValueError, match="not a density"):
        model.impute(HOLES, 3, num_imputations=2)
    with pytest.raises(NotImplementedError, match="likelihood"):
        small(tfae.SparseCoding).impute(HOLES, num_imputations=2)


def test_values_come_in_the_units_of_the_data():
    scaling = tfae.layers.Scaling([100.0, -5.0, 0.0], [0.1, 3.0, 1.0])
    networks = tfae.VariationalAutoencoder.from_shape((3,), 2, hidden_units=(5,), missing="mask")
    model = tfae.VariationalAutoencoder(
        networks.encoder, networks.decoder, "gaussian", missing="mask", scaling=scaling
    )
    x = np.array([[np.nan, -5.0, 0.0], [100.0, np.nan, np.nan]], "float32")
    for filled in (model.impute(x, 20, seed=1), *model.impute(x, 20, 1, num_imputations=3)):
        assert abs(filled[0, 0] - 100) < 60
        assert abs(filled[1, 1] + 5) < 3


# ---------------------------------------------------------------------------- the closed form

SCALE = 0.8
WEIGHTS = np.array([[1.0, 0.5, -0.5, 0.8, 0.0], [0.0, 0.7, 0.6, -0.4, 1.0]])
BIAS = np.array([0.5, -1.0, 0.0, 2.0, 1.0])
COVARIANCE = WEIGHTS.T @ WEIGHTS + SCALE**2 * np.eye(5)


@pytest.fixture(scope="module")
def table():
    x = RNG.multivariate_normal(BIAS, COVARIANCE, 30)
    return np.where(RNG.uniform(size=x.shape) > 0.4, x, np.nan).astype("float32")


@pytest.fixture(scope="module")
def linear():
    """A linear decoder; q(z | x) is the broad N(0, 2.7), so many samples are needed and suffice."""
    x, mask = keras.Input((5,)), keras.Input((5,))
    biases = [keras.initializers.Constant(value) for value in (0.0, 1.0)]
    heads = [
        keras.layers.Dense(2, kernel_initializer="zeros", bias_initializer=bias)(x + mask)
        for bias in biases
    ]
    decoder = keras.Sequential([keras.Input((2,)), keras.layers.Dense(5)])
    decoder.set_weights([WEIGHTS, BIAS])
    return tfae.ImportanceWeightedAutoencoder(
        keras.Model([x, mask], heads),
        decoder,
        tfae.losses.Gaussian(SCALE),
        num_samples=5000,
        missing="mask",
        seed=1,
    )


@pytest.fixture(scope="module")
def exact(table):
    """For each row log p(observed), and the mean and covariance of p(missing | observed)."""
    found = []
    for row in table:
        o, u = ~np.isnan(row), np.isnan(row)
        error, of_observed = row[o] - BIAS[o], COVARIANCE[np.ix_(o, o)]
        gain = np.linalg.solve(of_observed, COVARIANCE[np.ix_(o, u)])
        log_p = -0.5 * error @ np.linalg.solve(of_observed, error)
        log_p -= 0.5 * np.linalg.slogdet(2 * np.pi * of_observed)[1]
        covariance = COVARIANCE[np.ix_(u, u)] - COVARIANCE[np.ix_(u, o)] @ gain
        found.append((log_p, BIAS[u] + error @ gain, covariance))
    return found


def test_the_training_objective_with_many_samples_is_the_likelihood_of_what_is_observed(
    table, linear, exact
):
    linear.compile(jit_compile=False)
    bound = linear.evaluate(table, verbose=0, return_dict=True)["loss"]
    log_p = np.array([log_p for log_p, *_ in exact])
    assert bound == pytest.approx(-log_p.mean(), abs=0.02)
    linear.num_samples = 1
    assert linear.evaluate(table, verbose=0, return_dict=True)["loss"] > bound + 0.3, "the ELBO"
    linear.num_samples = 5000
    estimate = linear.log_likelihood(table, num_samples=5000, seed=1)
    np.testing.assert_allclose(estimate, log_p, atol=0.3)


def test_weighted_means_are_the_conditional_means(table, linear, exact):
    expected = np.concatenate([mean for _, mean, _ in exact])
    filled = linear.impute(table, num_samples=20_000, seed=1)[np.isnan(table)]
    np.testing.assert_allclose(filled, expected, atol=0.1)
    few = linear.impute(table, num_samples=10, seed=1)[np.isnan(table)]
    assert np.abs(few - expected).mean() > 3 * np.abs(filled - expected).mean()


@pytest.mark.slow
def test_multiple_imputations_have_the_conditional_moments(table, linear, exact):
    draws = linear.impute(table, num_samples=1000, seed=1, num_imputations=500)
    deviations, ratios = [], []
    for i, (_, mean, covariance) in enumerate(exact):
        missing = np.isnan(table[i])
        deviations += list(draws[:, i, missing].mean(axis=0) - mean)
        ratios += list(draws[:, i, missing].var(axis=0) / np.diag(covariance))
        if missing.sum() > 1:
            found = np.cov(draws[:, i, missing].T)
            np.testing.assert_allclose(found, covariance, atol=0.5)
    assert np.abs(deviations).max() < 0.3
    assert np.mean(ratios) == pytest.approx(1, abs=0.05)


def test_first_rows_and_first_draws_do_not_depend_on_the_others(table, linear):
    all_of_them = linear.impute(table, 20, seed=3, num_imputations=4)
    few = linear.impute(table[:7], 20, seed=3, num_imputations=2)
    np.testing.assert_allclose(few, all_of_them[:2, :7], atol=1e-5)
    np.testing.assert_allclose(
        linear.impute(table[:7], 20, seed=3), linear.impute(table, 20, seed=3)[:7], atol=1e-5
    )
    assert (linear.impute(table, 20, seed=4) != linear.impute(table, 20, seed=3)).any()
