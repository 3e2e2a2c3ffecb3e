"""Errors for invalid arguments name the argument and both shapes."""

import numpy as np
import pytest
import tensorflow as tf

from tfae import ops

OPS = pytest.mark.parametrize(
    "op", [ops.gaussian_sample_kl, ops.gaussian_sample_kl_reference], ids=["kernel", "reference"]
)
SEED = [1, 2]


@OPS
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((tf.zeros((2, 3)), tf.zeros((2, 4)), SEED), r"mean .*\(2, 3\) .*log_variance .*\(2, 4\)"),
        ((tf.zeros((2, 3)), tf.zeros((3,)), SEED), r"mean .*\(2, 3\) .*log_variance .*\(3,\)"),
        ((0.0, 0.0, SEED), "mean must have at least one axis"),
        ((tf.zeros(3), tf.zeros(3, "float16"), SEED), "mean is float32 .*log_variance is float16"),
        ((tf.zeros(3, "int32"), tf.zeros(3, "int32"), SEED), "mean must be one of .* is int32"),
        ((tf.zeros(3), tf.zeros(3), [1, 2, 3]), r"seed must be .*\[2\].* shape \(3,\)"),
        ((tf.zeros(3), tf.zeros(3), 1), r"seed must be .*\[2\].* shape \(\)"),
        ((tf.zeros(3), tf.zeros(3), tf.constant([1.0, 2.0])), "seed must be .* dtype float32"),
        ((tf.zeros(3), tf.zeros(3), SEED, 0), "`num_samples` .* at least 1; received 0"),
        ((tf.zeros(3), tf.zeros(3), SEED, -2), "`num_samples` .* at least 1; received -2"),
    ],
)
def test_arguments_known_to_be_invalid_raise_a_value_error(op, arguments, message):
    with pytest.raises(ValueError, match=message):
        op(*arguments)


@OPS
def test_shapes_that_differ_at_run_time_raise_an_invalid_argument_error(op):
    unknown = tf.TensorSpec(None)
    function = tf.function(op, input_signature=[unknown, unknown, tf.TensorSpec(None, tf.int32)])
    with pytest.raises(tf.errors.InvalidArgumentError, match="log_variance") as raised:
        function(tf.zeros((2, 3)), tf.zeros((2, 1)), SEED)
    for shape in ("2,1", "2,3"):  # TensorFlow writes them [2,1] or [2 1]
        assert shape in str(raised.value).replace(" ", ",")


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([(), (), (2,)], "mean must have at least one axis"),
        ([(2, 3), (2, 3), (3,)], r"seed must have shape \[2\], but has shape \[3\]"),
        ([(2, 3), (3, 2), (2,)], r"log_variance has shape \[3,2\] and mean has shape \[2,3\]"),
    ],
)
@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
def test_the_kernel_checks_shapes_at_run_time(shapes, message, jit_compile):
    unknown = tf.TensorSpec(None)
    function = tf.function(
        ops.gaussian_sample_kl,
        input_signature=[unknown, unknown, tf.TensorSpec(None, tf.int32)],
        jit_compile=jit_compile,
    )
    mean, log_variance, seed = shapes
    with pytest.raises((tf.errors.InvalidArgumentError, ValueError), match=message):
        function(tf.zeros(mean), tf.zeros(log_variance), tf.zeros(seed, "int32"))


@OPS
def test_numpy_arrays_and_lists_are_accepted(op):
    z, kl = op(np.zeros((2, 3), "float32"), np.zeros((2, 3), "float32"), np.array([1, 2**40]))
    assert (z.shape, z.dtype, kl.shape) == ((2, 3), "float32", (2,))
    z, kl = op([1.0, 2.0], [0.0, 0.0], [1, 2], num_samples=4)
    assert (z.shape, z.dtype, kl.shape) == ((4, 2), "float32", ())
