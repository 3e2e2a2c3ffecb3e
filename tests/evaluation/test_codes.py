"""Metrics of codes against closed forms."""

import math
import sys

import numpy as np
import pytest

import tfae
from tfae.evaluation import active_units, linear_probe, mutual_information


def linear_gaussian(n=2500):
    """Means and log-variances of q(z | x) = N(A x, S) for x ~ N(0, I), and I(x; z)."""
    rng = np.random.default_rng(0)
    a, variance = np.array([[1.0, 0.5, 0.0], [-0.5, 2.0, 1.0]]), np.array([0.6, 1.5])
    mean = rng.normal(size=(n, 3)) @ a.T
    information = 0.5 * np.linalg.slogdet(np.eye(2) + a @ a.T / variance[:, None])[1]
    return mean, np.broadcast_to(np.log(variance), mean.shape), information


def test_mutual_information_of_a_linear_gaussian_model_is_the_closed_form():
    mean, log_variance, information = linear_gaussian()
    estimate = mutual_information(mean, log_variance, num_samples=2)
    assert information > 1.3
    assert estimate == pytest.approx(information, abs=0.05)


def test_mutual_information_lies_from_zero_to_the_log_of_the_number():
    zeros = np.zeros((700, 4))
    assert mutual_information(zeros, zeros) == pytest.approx(0.0, abs=1e-9)
    apart = 100.0 * np.arange(700)[:, None] * np.ones(4)
    assert mutual_information(apart, zeros) == pytest.approx(math.log(700))


@pytest.mark.parametrize("log_variance", [-60.0, -1000.0, 0.0, 60.0])
def test_mutual_information_of_any_log_variance_is_bounded_by_the_log_of_the_number(log_variance):
    mean = np.random.default_rng(0).normal(size=(4, 3)) + 1e3
    estimate = mutual_information(mean, np.full((4, 3), log_variance), num_samples=20)
    expected = {-60.0: math.log(4), -1000.0: math.log(4), 60.0: 0.0}.get(log_variance)
    if expected is not None:
        assert estimate == pytest.approx(expected, abs=1e-9)
    assert -0.2 < estimate <= math.log(4)


def test_mutual_information_of_equal_examples_is_zero_however_sharp_the_posteriors():
    mean, log_variance = np.ones((9, 2)), np.full((9, 2), -80.0)
    assert mutual_information(mean, log_variance) == pytest.approx(0.0, abs=1e-9)


def test_mutual_information_does_not_depend_on_the_size_of_its_blocks(monkeypatch):
    mean, log_variance, _ = linear_gaussian(50)
    expected = mutual_information(mean, log_variance)
    module = sys.modules[
        "tfae.evaluation.mutual_information"
    ]  # the package has the function by its name
    monkeypatch.setattr(module, "_MAX_ELEMENTS", 350)
    assert mutual_information(mean, log_variance) == pytest.approx(expected, rel=1e-12)


def test_the_mean_kl_is_the_information_plus_the_kl_of_the_aggregate():
    """Here the aggregate posterior is N(0, A A^T + S): its KL to N(0, I) is known."""
    mean, log_variance, information = linear_gaussian(20_000)
    covariance = np.cov(mean.T) + np.diag(np.exp(log_variance[0]))
    aggregate = 0.5 * (np.trace(covariance) - 2 - np.linalg.slogdet(covariance)[1])
    kl = float(np.mean(tfae.losses.gaussian_kl(mean, np.array(log_variance))))
    assert kl == pytest.approx(information + aggregate, abs=0.05)


def test_active_units_are_those_whose_mean_varies():
    mean = np.random.default_rng(0).normal(size=(1000, 3)) * [1.0, 0.05, 0.2] + [0, 5, 0]
    np.testing.assert_array_equal(active_units(mean), [True, False, True])
    np.testing.assert_array_equal(active_units(mean, threshold=0.1), [True, False, False])


def test_the_linear_probe_is_as_good_as_the_best_line():
    """Two Gaussians at distance 2: the error rate of the best line is Phi(-1)."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 8000)
    codes = rng.normal(size=(8000, 2)) * [1.0, 30.0]
    codes[:, 0] += 2.0 * labels
    accuracy = linear_probe(codes[:4000], labels[:4000], codes[4000:], labels[4000:])
    assert accuracy == pytest.approx(0.8413, abs=0.02)
    unlabelled = np.where(np.arange(4000) < 2000, labels[:4000], -1)
    fewer = linear_probe(codes[:4000], unlabelled, codes[4000:], labels[4000:])
    assert fewer == linear_probe(codes[:2000], labels[:2000], codes[4000:], labels[4000:])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x, y: mutual_information(x, x[:5]), "the same number of rows; received 9 and 5"),
        (lambda x, y: mutual_information(x, x, num_samples=0), "`num_samples`"),
        (lambda x, y: active_units(x[:1]), "`mean` must be an array"),
        (lambda x, y: linear_probe(x, y[:5], x, y), "`labels` must be 9 integers"),
        (lambda x, y: linear_probe(x, y, x, y + 0.5), "`test_labels` must be 9 integers"),
        (lambda x, y: linear_probe(x, y, x, 0 * y - 1), "`test_labels` holds only -1"),
        (lambda x, y: linear_probe(x, y, x[:, :1], y), "rows of the same size"),
    ],
)
def test_invalid_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.arange(18.0).reshape(9, 2), np.arange(9) % 3)
