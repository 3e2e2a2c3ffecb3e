"""Argument checks shared by the kernel's wrapper and the reference."""

from typing import Any

import tensorflow as tf

from tfae.arguments import whole_number_or_none

_DTYPES = (tf.float32, tf.float16, tf.bfloat16, tf.float64)


def convert_arguments(
    mean: tf.Tensor, log_variance: tf.Tensor, seed: tf.Tensor, num_samples: int | None
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Converts the arguments to tensors, or raises a `ValueError` that names the wrong one."""
    mean = _tensor(mean, tf.float32)
    log_variance = _tensor(log_variance, mean.dtype)
    seed = _tensor(seed)
    if mean.dtype not in _DTYPES:
        names = ", ".join(dtype.name for dtype in _DTYPES)
        raise ValueError(f"mean must be one of {names}, but its dtype is {mean.dtype.name}")
    if log_variance.dtype != mean.dtype:
        raise ValueError(
            f"mean and log_variance must have the same dtype, but mean is {mean.dtype.name} and "
            f"log_variance is {log_variance.dtype.name}"
        )
    if not mean.shape.is_compatible_with(log_variance.shape):
        raise ValueError(
            f"mean and log_variance must have the same shape, but mean has shape {mean.shape} and "
            f"log_variance has shape {log_variance.shape}"
        )
    for name, tensor in (("mean", mean), ("log_variance", log_variance)):
        if tensor.shape.rank == 0:
            raise ValueError(f"{name} must have at least one axis, but it is a scalar")
    if seed.dtype not in (tf.int32, tf.int64) or not seed.shape.is_compatible_with([2]):
        raise ValueError(
            "seed must be an int32 or int64 tensor of shape [2], but it has dtype "
            f"{seed.dtype.name} and shape {seed.shape}"
        )
    whole_number_or_none("num_samples", num_samples, 1)
    return mean, log_variance, seed


def _tensor(value: Any, dtype_hint: tf.DType | None = None) -> tf.Tensor:
    # `convert_to_tensor` costs as much as a small op even for what is a tensor already.
    if isinstance(value, tf.Tensor):
        return value
    return tf.convert_to_tensor(value, dtype_hint=dtype_hint)


def sample_shape(mean: tf.Tensor, num_samples: int | None) -> tf.Tensor:
    """The shape of z: `mean`'s, with a leading axis of `num_samples` unless that is None."""
    shape = tf.shape(mean, out_type=tf.int64)
    if num_samples is None:
        return shape
    return tf.concat([tf.constant([num_samples], tf.int64), shape], axis=0)
