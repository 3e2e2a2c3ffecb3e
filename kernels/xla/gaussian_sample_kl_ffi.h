// The fused op as functions of XLA's foreign function interface, for TensorFlow and JAX. The ones
// for GPUs are only in libraries that are built with CUDA.

#ifndef TFAE_KERNELS_XLA_GAUSSIAN_SAMPLE_KL_FFI_H_
#define TFAE_KERNELS_XLA_GAUSSIAN_SAMPLE_KL_FFI_H_

#include "xla/ffi/api/c_api.h"

extern "C" {

// (mean, log_variance, seed) -> (z, kl), with the tensors of kernels/core/gaussian_sample_kl.h.
// mean and log_variance are f32, f16, bf16 or f64; the seed is s32 or s64. z has one axis more than
// mean if it has an axis of samples. On a GPU, the seed is in GPU memory too.
//
// Shapes and types are checked; errors name the tensor that is wrong. Layouts cannot be checked,
// since XLA does not pass them: all must be row-major, the default of jax.ffi. There are no
// attributes.
XLA_FFI_Error* TfaeGaussianSampleKlCpu(XLA_FFI_CallFrame* call_frame);
XLA_FFI_Error* TfaeGaussianSampleKlCuda(XLA_FFI_CallFrame* call_frame);

// (mean, log_variance, seed, z, z_gradient, kl_gradient) -> (mean_gradient,
// log_variance_gradient).
XLA_FFI_Error* TfaeGaussianSampleKlGradCpu(XLA_FFI_CallFrame* call_frame);
XLA_FFI_Error* TfaeGaussianSampleKlGradCuda(XLA_FFI_CallFrame* call_frame);

}  // extern "C"

#endif  // TFAE_KERNELS_XLA_GAUSSIAN_SAMPLE_KL_FFI_H_
