/* The fused op on NVIDIA GPUs as plain C, for ctypes, Rust or any program that has a CUDA stream.
 *
 * It samples diagonal Gaussians, z ~ N(mean, exp(log_variance)), computes their KL divergence to
 * N(0, I) in nats, and the gradients of both. Tensors are dense and row-major, in GPU memory, and
 * of the type that `type` names:
 *
 *   mean, log_variance, and their gradients   [rows, columns]
 *   z, z_gradient                             [samples, rows, columns], 1 sample or more
 *   kl, kl_gradient                           [rows]; double for TFAE_FLOAT64, else float
 *   seed                                      int64_t[2], read when the kernel runs
 *
 * Tensors that are aligned to 16 bytes are faster. The kernels run on `stream`, a cudaStream_t of
 * the current CUDA context. The functions do not wait for them and allocate no memory, so calls may
 * be captured in a CUDA graph (after a first call outside, which loads the kernels). Results are
 * bit-identical from run to run and between GPUs of the same architecture. The functions may be
 * called from any thread. They return NULL, or a message, which is never freed, that says why
 * nothing was computed.
 */

#ifndef TFAE_KERNELS_C_TFAE_CUDA_H_
#define TFAE_KERNELS_C_TFAE_CUDA_H_

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { TFAE_FLOAT32 = 0, TFAE_FLOAT64 = 1, TFAE_FLOAT16 = 2, TFAE_BFLOAT16 = 3 };

/* The number of bytes of GPU memory that the forward pass needs as a workspace: 0 except for a few
 * long rows; -1 if the type or a size is not valid. */
int64_t tfae_cuda_workspace_bytes(int32_t type, int64_t samples, int64_t rows, int64_t columns);

/* z = mean + exp(log_variance / 2) * noise
 * kl = sum over columns of (mean^2 + exp(log_variance) - 1 - log_variance) / 2
 *
 * The noise is float32 for every type: the noise of TensorFlow's stateless_normal for the seed and
 * the shape of z, with the algorithm Philox. `workspace`, aligned to 8 bytes, has the size that
 * tfae_cuda_workspace_bytes returns; NULL if that is 0. */
const char* tfae_cuda_gaussian_sample_kl(int32_t type, int64_t samples, int64_t rows,
                                         int64_t columns, const void* mean,
                                         const void* log_variance, const int64_t* seed, void* z,
                                         void* kl, void* workspace, void* stream);

/* mean_gradient = sum over samples of z_gradient, + kl_gradient * mean
 * log_variance_gradient = half of: sum over samples of z_gradient * noise * exp(log_variance / 2)
 *                         + kl_gradient * (exp(log_variance) - 1)
 *
 * The noise is drawn again, so `seed` must be the same as in the forward pass. With one sample
 * `mean_gradient` may share its memory with `z_gradient`. */
const char* tfae_cuda_gaussian_sample_kl_gradient(
    int32_t type, int64_t samples, int64_t rows, int64_t columns, const void* mean,
    const void* log_variance, const int64_t* seed, const void* z_gradient,
    const void* kl_gradient, void* mean_gradient, void* log_variance_gradient, void* stream);

#ifdef __cplusplus
}
#endif

#endif /* TFAE_KERNELS_C_TFAE_CUDA_H_ */
