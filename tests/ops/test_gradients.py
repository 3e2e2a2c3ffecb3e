"""First and second derivatives."""

import numpy as np
import pytest
import tensorflow as tf

from tfae import ops


@pytest.mark.parametrize("num_samples", [None, 1, 3])
def test_gradients_agree_with_finite_differences(make_problem, num_samples):
    problem = make_problem((3, 5), "float64", num_samples)

    def loss(mean, log_variance):
        z, kl = ops.gaussian_sample_kl(mean, log_variance, problem.seed, num_samples)
        weighted = tf.reduce_sum(problem.z_gradient * tf.sin(z))
        return weighted + tf.reduce_sum(problem.kl_gradient * kl)

    derivatives, numeric = tf.test.compute_gradient(
        loss, [problem.mean, problem.log_variance], delta=1e-5
    )
    for derivative, estimate in zip(derivatives, numeric, strict=True):
        np.testing.assert_allclose(derivative, estimate, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("num_samples", [None, 2])
def test_second_derivatives_agree_with_finite_differences(make_problem, num_samples):
    problem = make_problem((2, 3), "float64", num_samples)

    def gradients(mean, log_variance, z_gradient, kl_gradient):
        problem.z_gradient, problem.kl_gradient = z_gradient, kl_gradient
        results = problem.function()(mean, log_variance, problem.seed, z_gradient, kl_gradient)
        return tf.sin(results["mean_gradient"]) + tf.exp(results["log_variance_gradient"])

    arguments = [
        problem.mean,
        problem.log_variance,
        problem.z_gradient,
        problem.kl_gradient,
    ]
    derivatives, numeric = tf.test.compute_gradient(gradients, arguments, delta=1e-5)
    for derivative, estimate in zip(derivatives, numeric, strict=True):
        np.testing.assert_allclose(derivative, estimate, rtol=1e-6, atol=1e-8)


def second_derivatives(op, mean, log_variance, seed, num_samples):
    with tf.GradientTape() as outer:
        outer.watch([mean, log_variance])
        with tf.GradientTape() as inner:
            inner.watch([mean, log_variance])
            z, kl = op(mean, log_variance, seed, num_samples)
            loss = tf.reduce_sum(tf.cast(tf.tanh(z), kl.dtype)) + tf.reduce_sum(kl**2)
        first = inner.gradient(loss, [mean, log_variance])
        total = tf.reduce_sum(tf.sin(first[0])) + tf.reduce_sum(first[1] ** 2)
    return outer.gradient(total, [mean, log_variance])


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float32", 1e-4), ("float64", 1e-4), ("float16", 0.05)]
)
@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
def test_second_derivatives_agree_with_the_reference(make_problem, dtype, tolerance, jit_compile):
    compiled = tf.function(second_derivatives, jit_compile=jit_compile)
    for num_samples in (None, 3):
        problem = make_problem((4, 3), dtype, num_samples)
        arguments = (0.5 * problem.mean, 0.5 * problem.log_variance, problem.seed, num_samples)
        actual = compiled(ops.gaussian_sample_kl, *arguments)
        expected = second_derivatives(ops.gaussian_sample_kl_reference, *arguments)
        for a, e in zip(actual, expected, strict=True):
            a, e = (tf.cast(tensor, "float64").numpy() for tensor in (a, e))
            np.testing.assert_allclose(a, e, rtol=tolerance, atol=tolerance * np.abs(e).max())


def test_gradients_stay_accurate_if_the_mean_is_many_standard_deviations_from_zero(make_problem):
    # There z - mean, from which the noise could be recovered cheaply, has lost most of its digits.
    problem = make_problem((30, 100))
    problem.mean = tf.where(problem.mean > 1, 1000.0, problem.mean)
    problem.log_variance = tf.where(problem.mean > 1, -12.0, problem.log_variance)
    problem.kl_gradient = tf.zeros_like(problem.kl_gradient)
    actual = problem.run()["log_variance_gradient"]
    noise = tf.random.stateless_normal(problem.mean.shape, problem.seed, alg="philox")
    scale = 0.5 * problem.z_gradient * tf.exp(0.5 * problem.log_variance)
    np.testing.assert_allclose(actual / scale, noise, rtol=0, atol=8e-6)


@pytest.mark.parametrize("used", ["z", "kl"])
def test_either_output_may_be_left_unused(make_problem, used):
    problem = make_problem((6, 4))

    def gradients(op):
        with tf.GradientTape() as tape:
            tape.watch([problem.mean, problem.log_variance])
            z, kl = op(problem.mean, problem.log_variance, problem.seed)
        return tape.gradient({"z": z, "kl": kl}[used], [problem.mean, problem.log_variance])

    for actual, expected in zip(
        gradients(ops.gaussian_sample_kl), gradients(ops.gaussian_sample_kl_reference), strict=True
    ):
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)


def test_the_seed_has_no_gradient(make_problem):
    problem = make_problem((2, 2))
    seed = tf.Variable(problem.seed)
    with tf.GradientTape() as tape:
        z, _ = ops.gaussian_sample_kl(problem.mean, problem.log_variance, seed)
    assert tape.gradient(z, seed) is None
