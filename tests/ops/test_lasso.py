"""The FISTA solver: its solutions, their duality gaps, and its monotone progress."""

import numpy as np
import pytest
import tensorflow as tf
from sklearn.decomposition import sparse_encode

from tfae.ops.lasso import lasso

# In a graph, since eager execution has overhead for every small operation of every iteration.
traced = tf.function(lasso)


def solve(x, atoms, penalty, tolerance=1e-6, max_iterations=1000, **options):
    """Calls `lasso` with tensors for numbers: it is traced once for each shape and dtype."""
    x = tf.convert_to_tensor(x)
    penalty, tolerance = (tf.cast(number, x.dtype) for number in (penalty, tolerance))
    return traced(x, tf.convert_to_tensor(atoms), penalty, tolerance,
                  tf.constant(max_iterations), **options)  # fmt: skip


def problem(rows=60, num_atoms=48, dimension=24, dtype="float32", seed=0):
    random = np.random.default_rng(seed)
    atoms = random.normal(size=(num_atoms, dimension))
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    codes = random.normal(size=(rows, num_atoms)) * (random.random((rows, num_atoms)) < 0.1)
    x = codes @ atoms + 0.05 * random.normal(size=(rows, dimension))
    return x.astype(dtype), atoms.astype(dtype)


@pytest.fixture(scope="module")
def solved_eagerly():
    return lasso(*problem(17), 0.1, 1e-6, block_size=4)


def objective(x, atoms, codes, penalty):
    x, atoms, codes = (np.asarray(a, "float64") for a in (x, atoms, codes))
    return 0.5 * ((x - codes @ atoms) ** 2).sum(1) + penalty * np.abs(codes).sum(1)


@pytest.mark.parametrize("algorithm", ["lasso_lars", "lasso_cd"])
@pytest.mark.parametrize("penalty", [0.02, 0.1, 0.5])
def test_codes_agree_with_scikit_learn(algorithm, penalty):
    x, atoms = problem()
    expected = sparse_encode(
        x.astype("float64"),
        atoms.astype("float64"),
        algorithm=algorithm,
        alpha=penalty,
        max_iter=20_000,
    )
    codes = solve(x, atoms, penalty, 1e-8).codes
    np.testing.assert_allclose(codes, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-12)])
def test_the_duality_gap_bounds_the_suboptimality_and_meets_the_tolerance(dtype, tolerance):
    x, atoms = problem(dtype=dtype)
    solution = solve(x, atoms, 0.1, tolerance)
    best = objective(x, atoms, solve(*problem(dtype="float64"), 0.1, 1e-13).codes, 0.1)
    actual = objective(x, atoms, solution.codes, 0.1)
    np.testing.assert_allclose(solution.objective, actual, rtol=1e-5)
    assert (actual - best <= solution.gap.numpy() + 1e-6 * best).all()
    assert (solution.gap <= tolerance * solution.objective).numpy().all()


def test_the_objective_never_rises_with_more_iterations():
    x, atoms = problem(num_atoms=200)  # coherent atoms, for which plain FISTA is not monotone
    path = [0.5 * (x**2).sum(1)]
    for iterations in (8, 16, 24, 32, 48, 64, 96, 128, 160):
        path.append(objective(x, atoms, solve(x, atoms, 0.02, 1e-9, iterations).codes, 0.02))
    assert (np.diff(path, axis=0) <= 1e-6 * path[0]).all()
    assert np.sum(path[-1]) < 0.9 * np.sum(path[0])


@pytest.mark.parametrize(
    ("jit", "numbers_of_rows"),
    # XLA around it compiles a program for each number of rows; otherwise there is one graph.
    [("none", (0, 1, 5, 17)), ("around", (0, 5)), ("within", (0, 1, 5, 17))],
)
def test_eager_graph_and_xla_agree_for_any_number_of_rows(jit, numbers_of_rows, solved_eagerly):
    x, atoms = problem(17)

    @tf.function(
        jit_compile=jit == "around",
        input_signature=[tf.TensorSpec([None, x.shape[1]])],
    )
    def solved(x):
        return lasso(x, atoms, 0.1, 1e-6, block_size=4, jit_compile=jit == "within")

    for rows in numbers_of_rows:
        solution = solved(x[:rows])
        for a, b in zip(solution, solved_eagerly, strict=True):
            assert a.shape == (rows, *b.shape[1:])
        np.testing.assert_allclose(solution.codes, solved_eagerly.codes[:rows], atol=1e-3)


def test_rows_are_solved_independently():
    x, atoms = problem()
    a = solve(x, atoms, 0.1).codes
    b = tf.reverse(solve(x[::-1], atoms, 0.1, block_size=16).codes, [0])
    np.testing.assert_allclose(a, b, atol=1e-5)


def test_atoms_that_explain_nothing_get_zero_codes():
    x, atoms = problem(20)
    strong = np.abs(x @ atoms.T).max() * 1.001
    solution = solve(x, atoms, strong)
    assert not np.any(solution.codes)
    np.testing.assert_allclose(solution.objective, 0.5 * (x**2).sum(1), rtol=1e-6)
    assert not np.any(solve(np.zeros_like(x), atoms, 0.1).gap)
    atoms[3] = 0
    assert not np.any(solve(x, atoms, 0.1).codes[:, 3])


def test_a_row_stopped_by_max_iterations_reports_its_gap():
    x, atoms = problem(num_atoms=200)
    solution = solve(x, atoms, 0.01, 1e-9, max_iterations=8)
    assert solution.iterations.numpy().max() == 8
    assert solution.gap.numpy().max() > 1e-3


def test_no_gradient_flows_through_codes():
    x, atoms = (tf.constant(a) for a in problem(5))
    with tf.GradientTape() as tape:
        tape.watch((x, atoms))
        codes = lasso(x, atoms, 0.1, max_iterations=8).codes
    assert tape.gradient(codes, (x, atoms)) == (None, None)


def test_under_xla_solves_with_different_numbers_of_atoms_may_follow_each_other():
    x = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    for num_atoms in (3, 1, 2):
        atoms = tf.eye(num_atoms, 4)
        codes = lasso(x, atoms, 0.5, jit_compile=True).codes
        expected = np.sign(x) * np.maximum(np.abs(x) - 0.5, 0)
        np.testing.assert_allclose(codes, expected[:, :num_atoms], atol=1e-4)


def test_with_a_mask_codes_are_those_of_the_observed_elements_alone():
    rng = np.random.default_rng(2)
    x, atoms = rng.normal(size=(3, 6)), rng.normal(size=(4, 6))
    mask = (rng.uniform(size=x.shape) < 0.6).astype("float64")
    mask[0], mask[1] = 0.0, 1.0
    found = lasso(x * mask, tf.constant(atoms), 0.3, 1e-8, mask=tf.constant(mask))
    for i in range(len(x)):
        known = mask[i] > 0
        alone = lasso(x[i : i + 1, known], tf.constant(atoms[:, known]), 0.3, 1e-8)
        np.testing.assert_allclose(found.codes[i], alone.codes[0], atol=1e-3)
        np.testing.assert_allclose(found.objective[i], alone.objective[0], rtol=1e-7)
    assert not np.any(found.codes[0])
