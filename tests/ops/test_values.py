"""Values and gradients agree with the reference for every shape, dtype and number of samples."""

import numpy as np
import pytest
import tensorflow as tf

from tfae import ops

# Absolute and relative. The noise agrees to 4e-6; 16-bit results may be rounded differently.
TOLERANCE = {"float32": 1e-5, "float64": 1e-5, "float16": 2e-3, "bfloat16": 2e-2}

SHAPES = [
    *[(1,), (4097,)],
    *[(7, 1), (301, 2), (9, 3), (2, 5), (40, 31), (128, 64), (10, 100), (3, 4097)],
    *[(2, 3, 5), (2, 1, 2, 31)],
]


def assert_close(actual, expected, tolerance):
    for name, value in expected.items():
        assert actual[name].dtype == value.dtype, name
        np.testing.assert_allclose(
            tf.cast(actual[name], "float64"),
            tf.cast(value, "float64"),
            rtol=tolerance,
            atol=tolerance,
            err_msg=name,
        )


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_kernel_agrees_with_the_reference(make_problem, shape, dtype):
    for num_samples in (None, 1, 3):
        problem = make_problem(shape, dtype, num_samples)
        actual = problem.run()
        expected = problem.run(ops.gaussian_sample_kl_reference)
        assert_close(actual, expected, TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_kl_is_accumulated_in_more_than_16_bits(make_problem, dtype):
    problem = make_problem((5, 1000), dtype)
    m, v = (tf.cast(t, "float64").numpy() for t in (problem.mean, problem.log_variance))
    _, kl = ops.gaussian_sample_kl(problem.mean, problem.log_variance, problem.seed)
    assert kl.dtype == ("float64" if dtype == "float64" else "float32")
    expected = 0.5 * np.sum(m**2 + np.exp(v) - 1 - v, axis=-1)
    np.testing.assert_allclose(kl, expected, rtol=1e-14 if dtype == "float64" else 1e-6)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("shape", [(0,), (0, 5), (3, 0), (2, 0, 3)], ids=str)
def test_empty_tensors_give_empty_samples_and_zero_kl(make_problem, shape, dtype):
    for num_samples in (None, 2):
        problem = make_problem(shape, dtype, num_samples)
        results = problem.run()
        assert results["z"].shape == (shape if num_samples is None else (2, *shape))
        np.testing.assert_array_equal(results["kl"], np.zeros(shape[:-1]))
        assert results["mean_gradient"].shape == shape
        assert results["log_variance_gradient"].shape == shape


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extreme_values_give_the_same_results_as_the_reference(make_problem, dtype):
    inf, nan = np.inf, np.nan
    means = [0, 1, -3, 1e4, 1e20, inf, -inf, nan]
    log_variances = [0, 1, -1, 20, -20, 80, -80, 100, -100, 176, -176, 178, 1e4, -1e4, 1e30, -1e30]
    # Repeated, so that there is large and small noise.
    log_variances = 3 * [*log_variances, inf, -inf, nan]
    grid = np.meshgrid(means, log_variances, indexing="ij")
    problem = make_problem((grid[0].size, 1), dtype)
    problem.mean, problem.log_variance = (tf.constant(a.reshape(-1, 1), dtype) for a in grid)
    actual = problem.run()
    expected = problem.run(ops.gaussian_sample_kl_reference)
    with np.errstate(over="ignore"):
        deviation = np.exp(grid[1].ravel() / 2)
    deviation[~np.isfinite(deviation)] = 0
    for name, value in expected.items():
        a, e = actual[name].numpy().ravel(), value.numpy().ravel()
        np.testing.assert_array_equal(np.isnan(a), np.isnan(e), err_msg=name)
        np.testing.assert_array_equal(a[np.isinf(e)], e[np.isinf(e)], err_msg=name)
        finite = np.isfinite(e)
        # Huge deviations multiply the tolerance of the noise.
        tolerance = 1e-5 * (1 + np.abs(e) + deviation)[finite]
        np.testing.assert_array_less(np.abs(a[finite] - e[finite]), tolerance, err_msg=name)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_16_bit_results_overflow_like_the_reference(make_problem, dtype):
    problem = make_problem((1, 6), dtype)
    problem.mean = tf.constant([[0, 0, np.inf, np.nan, 0, 0]], dtype)
    problem.log_variance = tf.constant([[22, -60, 0, 0, np.inf, np.nan]], dtype)
    actual = problem.run()
    expected = problem.run(ops.gaussian_sample_kl_reference)
    for name, value in expected.items():
        np.testing.assert_allclose(
            tf.cast(actual[name], "float64"), tf.cast(value, "float64"), rtol=1e-2, err_msg=name
        )
