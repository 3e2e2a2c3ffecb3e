"""The kernels agree with the oracle through every interface."""

import numpy as np
import philox_oracle
import pytest

# Absolute and relative. The noise is the same to 4e-6; 16-bit results are rounded.
TOLERANCE = {"float32": 1e-5, "float64": 1e-5, "float16": 2e-3, "bfloat16": 2e-2}

SHAPES = [
    *[(1, 1), (1, 5), (1, 4097), (7, 1), (301, 2), (9, 3), (2, 5), (3, 31), (40, 31)],
    *[(128, 64), (10, 100), (2, 512), (2, 513), (3, 4097), (1000, 3), (64, 1024)],
    *[(2, 16384), (1, 100003), (3, 33001)],  # several blocks a row
    *[(70000, 8), (5000, 36)],  # several groups a thread
]


def assert_close(actual, expected, tolerance):
    for name, value in expected.items():
        assert actual[name].shape == value.shape, name
        np.testing.assert_allclose(
            actual[name].astype("float64"), value, rtol=tolerance, atol=tolerance, err_msg=name
        )


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_agrees_with_the_oracle(op, make_problem, shape, dtype):
    for samples in (1, 3):
        problem = make_problem(*shape, dtype, samples)
        assert_close(op.evaluate(*problem), philox_oracle.evaluate(*problem), TOLERANCE[dtype])


@pytest.mark.parametrize("seed", [(0, 0), (-1, -7), (2**40 + 3, -(2**62)), (-(2**63), 2**63 - 1)])
def test_every_seed_gives_its_noise(op, make_problem, seed):
    problem = make_problem(5, 33, seed=seed)
    assert_close(op.evaluate(*problem), philox_oracle.evaluate(*problem), 1e-5)


def test_many_samples_of_few_elements(op, make_problem):
    problem = make_problem(3, 20, samples=700)
    assert_close(op.evaluate(*problem), philox_oracle.evaluate(*problem), 1e-4)


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_kl_is_accumulated_in_more_than_16_bits(op, make_problem, dtype):
    problem = make_problem(5, 3000, dtype)
    kl = op.evaluate(*problem)["kl"]
    assert kl.dtype == ("float64" if dtype == "float64" else "float32")
    tolerance = 1e-13 if dtype == "float64" else 1e-6
    np.testing.assert_allclose(kl, philox_oracle.evaluate(*problem)["kl"], rtol=tolerance)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("shape", [(0, 5), (3, 0)], ids=str)
def test_empty_tensors_give_empty_samples_and_no_divergence(op, make_problem, shape, dtype):
    problem = make_problem(*shape, dtype, 2)
    results = op.evaluate(*problem)
    assert results["z"].shape == (2, *shape)
    np.testing.assert_array_equal(results["kl"], np.zeros(shape[0]))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extreme_values_behave_as_in_the_oracle(op, make_problem, dtype):
    inf, nan = np.inf, np.nan
    means = [0, 1, -3, 1e4, inf, -inf, nan]
    log_variances = 3 * [0, 1, -1, 20, -20, 80, -80, 1e30, -1e30, inf, -inf, nan]
    grid = np.meshgrid(means, log_variances, indexing="ij")
    problem = list(make_problem(grid[0].size, 1, dtype))
    problem[:2] = (array.reshape(-1, 1).astype(dtype) for array in grid)
    actual, expected = op.evaluate(*problem), philox_oracle.evaluate(*problem)
    with np.errstate(over="ignore"):
        deviation = np.exp(grid[1].ravel() / 2)
    deviation[~np.isfinite(deviation)] = 0
    for name, value in expected.items():
        a, e = actual[name].ravel(), value.ravel()
        np.testing.assert_array_equal(np.isnan(a), np.isnan(e), err_msg=name)
        np.testing.assert_array_equal(a[np.isinf(e)], e[np.isinf(e)], err_msg=name)
        finite = np.isfinite(e)
        tolerance = 1e-5 * (1 + np.abs(e) + deviation)[finite]
        assert (np.abs(a[finite] - e[finite]) <= tolerance).all(), name


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_results_are_the_same_from_run_to_run(op, make_problem, assert_same_bits, dtype):
    for shape in [(999, 65), (3, 70001), (1, 1 << 20), (70001, 3)]:
        problem = make_problem(*shape, dtype)
        first = op.evaluate(*problem)
        for _ in range(3):
            assert_same_bits(op.evaluate(*problem), first)


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_both_interfaces_give_the_same_bits(
    torch_op, jax_op, make_problem, assert_same_bits, dtype
):
    for shape in [(40, 31), (128, 64), (3, 33001)]:
        problem = make_problem(*shape, dtype, 2)
        assert_same_bits(torch_op.evaluate(*problem), jax_op.evaluate(*problem))
