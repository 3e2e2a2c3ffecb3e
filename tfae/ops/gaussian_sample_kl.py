"""Samples a diagonal Gaussian and measures its KL divergence to N(0, I), in one op."""

import tensorflow as tf

from tfae.ops import library
from tfae.ops.arguments import convert_arguments
from tfae.ops.reference import gaussian_sample_kl_reference


def gaussian_sample_kl(
    mean: tf.Tensor,
    log_variance: tf.Tensor,
    seed: tf.Tensor,
    num_samples: int | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Draws z ~ N(mean, exp(log_variance)) and computes the KL divergence to N(0, I).

    The sample is reparameterised, z = mean + exp(log_variance / 2) * noise (Kingma and Welling,
    "Auto-Encoding Variational Bayes", 2014), so gradients flow through it. The noise is that of
    `tf.random.stateless_normal(shape of z, seed, dtype="float32", alg="philox")` outside XLA: a
    function of the seed and the position alone, the same in eager mode, in graphs and under XLA,
    for every dtype and any number of threads.

    Args:
        mean: `[..., d]`, of float32, float16, bfloat16 or float64.
        log_variance: Shape and dtype of `mean`; the natural logarithm of the variance.
        seed: int32 or int64 `[2]`.
        num_samples: Number of samples for each mean, at least 1; None for one sample without a
            leading axis.

    Returns:
        z: `[..., d]`, or `[num_samples, ..., d]` if `num_samples` is given, in the dtype of
            `mean`. It is computed in float32 (float64 for float64) and rounded once.
        kl: `[...]`, nats, at least 0 up to rounding; float64 for float64, else float32:
            `0.5 * sum(mean**2 + exp(log_variance) - 1 - log_variance)` over the last axis.

    Raises:
        ValueError: If a dtype or a statically known shape is wrong.
        tf.errors.InvalidArgumentError: If a shape that is known only at run time is wrong.
    """
    operations = library.operations()
    if operations is None:
        return gaussian_sample_kl_reference(mean, log_variance, seed, num_samples)
    mean, log_variance, seed = convert_arguments(mean, log_variance, seed, num_samples)
    z, kl = operations.tfae_gaussian_sample_kl(
        mean,
        log_variance,
        seed,
        kl_type=tf.float64 if mean.dtype == tf.float64 else tf.float32,
        num_samples=num_samples or 0,
    )
    return z, kl


@tf.RegisterGradient("Tfae>GaussianSampleKl")
def _first_derivative(
    op: tf.Operation, z_gradient: tf.Tensor, kl_gradient: tf.Tensor
) -> tuple[tf.Tensor | None, ...]:
    """The gradients of the inputs, given those of z and kl.

    mean: `sum over samples(z_gradient) + kl_gradient * mean`.
    log_variance: `sum over samples(z_gradient * noise) * exp(log_variance / 2) / 2
        + kl_gradient * (exp(log_variance) - 1) / 2`.
    seed: None.
    """
    gradients = library.operations().tfae_gaussian_sample_kl_grad(
        *op.inputs, op.outputs[0], z_gradient, kl_gradient, num_samples=op.get_attr("num_samples")
    )
    return *gradients, None


@tf.RegisterGradient("Tfae>GaussianSampleKlGrad")
def _second_derivative(
    op: tf.Operation, mean_upstream: tf.Tensor, log_variance_upstream: tf.Tensor
) -> tuple[tf.Tensor | None, ...]:
    """The gradient of the gradient, in TensorFlow's ops: they give all higher derivatives."""
    mean, log_variance, seed, _, z_gradient, kl_gradient = op.inputs
    compute_dtype = kl_gradient.dtype
    inputs = (mean, log_variance, z_gradient, mean_upstream, log_variance_upstream)
    m, v, dz, u, w = (tf.cast(tensor, compute_dtype) for tensor in inputs)
    dkl = kl_gradient[..., tf.newaxis]
    # A sample of the standard Gaussian is the noise itself, without rounding.
    num_samples = op.get_attr("num_samples")
    zeros = tf.zeros_like(m)
    noise, _ = gaussian_sample_kl(zeros, zeros, seed, num_samples or None)

    half_deviation_noise = 0.5 * tf.exp(0.5 * v) * noise
    per_sample = 0.5 * dz * half_deviation_noise
    if num_samples:
        per_sample = tf.reduce_sum(per_sample, axis=0)
    gradients = (
        u * dkl,
        w * (per_sample + 0.5 * dkl * tf.exp(v)),
        None,
        None,  # z only serves to recover the noise, which is constant
        tf.broadcast_to(u, tf.shape(dz)) + w * half_deviation_noise,
        tf.reduce_sum(u * m + 0.5 * w * (tf.exp(v) - 1.0), axis=-1),
    )
    return tuple(
        gradient if gradient is None else tf.cast(gradient, tensor.dtype)
        for gradient, tensor in zip(gradients, op.inputs, strict=True)
    )
