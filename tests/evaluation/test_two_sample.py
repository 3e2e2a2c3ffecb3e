"""The two-sample test by maximum mean discrepancy."""

from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from tfae.evaluation import mmd_test
from tfae.losses.mmd import inverse_multiquadratic_kernel, squared_mmd


def normal(n, mean=0.0, seed=0, d=3):
    return np.random.default_rng(seed).normal(mean, 1.0, size=(n, d))


def test_its_statistic_is_the_unbiased_estimate():
    kernel = partial(inverse_multiquadratic_kernel, scales=6.0)
    x, y = normal(30), normal(21, 0.5, seed=1)
    expected = float(squared_mmd(tf.constant(x), tf.constant(y), kernel))
    assert mmd_test(x, y, kernel, num_permutations=5).squared_mmd == pytest.approx(expected)


def test_samples_of_one_distribution_are_rejected_as_often_as_the_level_says():
    p = [
        mmd_test(normal(20, seed=2 * i), normal(30, seed=2 * i + 1), num_permutations=99).p_value
        for i in range(200)
    ]
    assert 2 <= sum(value <= 0.05 for value in p) <= 20  # binomial(200, 0.05)
    assert 0.4 < np.mean(p) < 0.6


def test_samples_of_different_distributions_are_rejected():
    found = mmd_test(normal(100), normal(100, 0.7, seed=1))
    assert found.squared_mmd > 0
    assert found.p_value == pytest.approx(1 / 1001)
    mixture = np.where(np.arange(200)[:, None] % 2, 1.0, -1.0) * 2 + 0.3 * normal(200)
    assert mmd_test(mixture, normal(200, seed=3) * mixture.std(axis=0)).p_value < 0.01


def test_the_seed_determines_it_and_equal_rows_are_accepted():
    x, y = normal(15), normal(15, 0.3, seed=1)
    assert mmd_test(x, y, seed=1) == mmd_test(x, y, seed=1)
    assert mmd_test(x, y, seed=1) != mmd_test(x, y, seed=2)
    assert mmd_test(np.ones((5, 2)), np.ones((4, 2))).p_value == 1.0


def test_blocks_of_the_kernel_matrix_do_not_change_the_result(monkeypatch):
    sizes = []

    def kernel(distances):
        sizes.append(distances.shape[0] * distances.shape[1])
        return inverse_multiquadratic_kernel(distances)

    x, y = normal(60), normal(41, 0.4, seed=1)
    whole = mmd_test(x, y, kernel, num_permutations=50)
    monkeypatch.setattr("tfae.evaluation.two_sample._MAX_ELEMENTS", 1000)
    sizes.clear()
    blocks = mmd_test(x, y, kernel, num_permutations=50)
    assert blocks.squared_mmd == pytest.approx(whole.squared_mmd, rel=1e-9)
    assert blocks.p_value == whole.p_value
    assert sum(sizes) == 101**2
    assert max(sizes) <= 1000


def test_the_bandwidth_of_many_rows_comes_from_a_sample(monkeypatch):
    x, y = normal(300), normal(300, seed=1)
    expected = mmd_test(x, y, num_permutations=1).squared_mmd
    monkeypatch.setattr("tfae.evaluation.two_sample._ROWS_FOR_MEDIAN", 200)
    found = mmd_test(x, y, num_permutations=1).squared_mmd
    assert found == pytest.approx(expected, abs=5e-4)
    assert found != expected


def test_the_result_does_not_depend_on_the_distance_from_the_origin():
    x, y = normal(40), normal(40, 0.5, seed=1)
    near, far = mmd_test(x, y), mmd_test(x + 1e6, y + 1e6)
    assert far.squared_mmd == pytest.approx(near.squared_mmd, rel=1e-6)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.zeros((1, 2)), np.zeros((5, 2)), "`x` must be an array .* at least 2"),
        (np.zeros((5, 2)), np.zeros(5), "`y` must be an array"),
        (np.zeros((5, 2)), np.full((5, 2), np.nan), "`y` must be finite; 10 of 10"),
        (np.zeros((5, 2)), np.zeros((5, 3)), "rows of the same size; received 2 and 3"),
    ],
)
def test_bad_samples_are_refused(x, y, message):
    with pytest.raises(ValueError, match=message):
        mmd_test(x, y)


@pytest.mark.parametrize("n", [0, 100.0])
def test_a_test_without_permutations_is_refused(n):
    with pytest.raises(ValueError, match="`num_permutations` must be an integer of at least 1"):
        mmd_test(normal(5), normal(5), num_permutations=n)
