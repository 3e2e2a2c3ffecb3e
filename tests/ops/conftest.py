"""Inputs and results of the op for its tests, which all fail without the compiled kernel."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tfae import ops


@pytest.fixture(scope="session", autouse=True)
def kernel():
    assert ops.kernel_available(), "the compiled op library is not in use; the warning says why"


@dataclasses.dataclass
class Problem:
    """Arguments of the op, and upstream gradients that are not 1."""

    mean: tf.Tensor
    log_variance: tf.Tensor
    seed: tf.Tensor
    z_gradient: tf.Tensor
    kl_gradient: tf.Tensor
    num_samples: int | None

    def tensors(self):
        return self.mean, self.log_variance, self.seed, self.z_gradient, self.kl_gradient

    def function(self, op=ops.gaussian_sample_kl):
        """A function of `tensors()` that returns z, kl and both gradients, by name."""

        def evaluate(mean, log_variance, seed, z_gradient, kl_gradient):
            with tf.GradientTape() as tape:
                tape.watch([mean, log_variance])
                z, kl = op(mean, log_variance, seed, self.num_samples)
            mean_gradient, log_variance_gradient = tape.gradient(
                [z, kl], [mean, log_variance], output_gradients=[z_gradient, kl_gradient]
            )
            return {
                "z": z,
                "kl": kl,
                "mean_gradient": mean_gradient,
                "log_variance_gradient": log_variance_gradient,
            }

        return evaluate

    def run(self, op=ops.gaussian_sample_kl):
        return self.function(op)(*self.tensors())


@pytest.fixture
def make_problem():
    def make(shape, dtype="float32", num_samples=None, seed=(3, -5), seed_dtype="int64"):
        random = np.random.default_rng(0)
        kl_dtype = "float64" if dtype == "float64" else "float32"
        z_shape = shape if num_samples is None else (num_samples, *shape)

        def normal(shape, dtype):
            return tf.cast(random.normal(size=shape), dtype)

        return Problem(
            mean=normal(shape, dtype),
            log_variance=normal(shape, dtype),
            seed=tf.constant(seed, seed_dtype),
            z_gradient=normal(z_shape, dtype),
            kl_gradient=normal(shape[:-1], kl_dtype),
            num_samples=num_samples,
        )

    return make


def bits(tensor):
    """Returns the bits of a tensor's elements, which compare equal even for NaN."""
    array = tensor.numpy()
    return array.shape, array.dtype, array.tobytes()


@pytest.fixture
def assert_same_bits():
    def check(actual, expected):
        for name in expected:
            assert bits(actual[name]) == bits(expected[name]), name

    return check
