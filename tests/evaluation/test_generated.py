"""Metrics of generated data against closed forms."""

import sys

import keras
import numpy as np
import pytest
import scipy.linalg

from tfae.evaluation import (
    feature_rows,
    frechet_distance,
    gaussian_frechet_distance,
    precision_recall,
)


def covariance(seed, d=4):
    a = np.random.default_rng(seed).normal(size=(d, d))
    return a @ a.T


def test_the_frechet_distance_of_gaussians_is_the_formula():
    a, b = covariance(0), covariance(1)
    expected = 4 * 0.25 + np.trace(a + b - 2 * scipy.linalg.sqrtm(a @ b)).real
    found = gaussian_frechet_distance(np.zeros(4), a, np.full(4, 0.5), b)
    assert found == pytest.approx(expected)
    # Commuting covariances: the squared differences of means and of standard deviations.
    found = gaussian_frechet_distance(
        np.zeros(2), np.diag([1.0, 4.0]), np.ones(2), np.diag([9, 0.0])
    )
    assert found == pytest.approx(2 + (3 - 1) ** 2 + 2**2)


def test_the_frechet_distance_of_samples_comes_near_that_of_their_distributions():
    rng = np.random.default_rng(0)
    x = rng.multivariate_normal(np.zeros(4), covariance(0), size=20_000)
    y = rng.multivariate_normal(np.ones(4), covariance(1), size=20_000)
    expected = gaussian_frechet_distance(np.zeros(4), covariance(0), np.ones(4), covariance(1))
    assert frechet_distance(x, y) == pytest.approx(expected, rel=0.05)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(x[:, :1], x[:, :1] + 2) == pytest.approx(4)


def test_the_frechet_distance_of_fewer_rows_than_columns_needs_no_covariances():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 40)), 2 * rng.normal(size=(15, 40)) + 1
    expected = gaussian_frechet_distance(x.mean(axis=0), np.cov(x.T), y.mean(axis=0), np.cov(y.T))
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-6)
    wide = rng.normal(size=(5, 200_000))  # whose covariances would take 640 GB
    assert frechet_distance(wide, wide + 0.01) == pytest.approx(20, rel=1e-6)


def test_precision_and_recall_do_not_depend_on_the_size_of_their_blocks(monkeypatch):
    x, y = np.random.default_rng(0).normal(size=(2, 90, 2)) * [[[1]], [[1.3]]]
    expected = precision_recall(x, y)
    module = sys.modules[
        "tfae.evaluation.precision_recall"
    ]  # the package has the function by its name
    monkeypatch.setattr(module, "_MAX_ELEMENTS", 1000)
    assert precision_recall(x, y) == expected


def test_precision_and_recall_by_hand():
    real = np.array([[0.0], [1.0], [2.0], [10.0]])
    # With one neighbour the balls reach 1, 1, 1 and 8.
    generated = np.array([[2.5], [3.0], [17.0], [19.0]])
    # And 0.5, 0.5, 2 and 2: of the real points only 2.0 is inside.
    assert precision_recall(real, generated, neighbours=1) == (0.75, 0.25)


def test_precision_falls_with_bad_samples_and_recall_with_missing_ones():
    rng = np.random.default_rng(0)
    real = rng.uniform(size=(1500, 2))
    same, half, wide = (rng.uniform(size=(1500, 2)) * scale for scale in (1, [0.5, 1], [2, 1]))
    assert min(precision_recall(real, same)) > 0.9
    assert precision_recall(real, half).precision > 0.9
    assert precision_recall(real, half).recall == pytest.approx(0.5, abs=0.05)
    assert precision_recall(real, wide).precision == pytest.approx(0.5, abs=0.05)
    assert precision_recall(real, wide).recall > 0.9
    assert precision_recall(real, real + 5) == (0, 0)


def test_features_may_be_a_function_or_a_model():
    x = np.random.default_rng(0).random((7, 2, 3)).astype("float32")
    assert feature_rows(x, None).shape == (7, 6)
    np.testing.assert_array_equal(feature_rows(x, lambda batch: batch[:, 0], batch_size=3), x[:, 0])
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dropout(0.5)])
    np.testing.assert_array_equal(feature_rows(x, model, batch_size=3), x.reshape(7, 6))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: precision_recall(x, x[:3]), "`generated` must be an array .* at least 4"),
        (lambda x: precision_recall(x, x, neighbours=0), "`neighbours`"),
        (lambda x: precision_recall(x, x, neighbours=True), "`neighbours`"),
        (lambda x: frechet_distance(x, x[:, :1]), "rows of the same size"),
    ],
)
def test_invalid_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.arange(18.0).reshape(9, 2))
