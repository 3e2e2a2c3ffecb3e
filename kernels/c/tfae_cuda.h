/* The fused op on NVIDIA GPUs as plain C, for ctypes, Rust or any program that has a CUDA stream.
 *
 * It samples diagonal Gaussians, z ~ N(mean, exp(log_variance)), measures their KL divergence to
 * N(0, I) in nats, and computes the gradients of both. Tensors are dense, the last axis fastest, in
 * the memory of the GPU, and of the type that `type` names:
 *
 *   mean, log_variance, and their gradients   [rows, columns]
 *   z, z_gradient                             [samples, rows, columns], 1 sample or more
 *   kl, kl_gradient                           [rows]; double for TFAE_FLOAT64, else float
 *   seed                                      int64_t[2], read when the kernel runs
 *
 * Tensors that are aligned to 16 bytes take less time. Work is put on `stream`, a cudaStream_t of
 * the current CUDA context; nothing waits for it, and nothing allocates memory, so calls may be
 * captured in a CUDA graph (after a first call outside, with which CUDA loads the kernels). Results
 * are bit-identical from run to run and from GPU to GPU of one architecture. The functions may be
 * called from any thread. They return NULL, or a message, which lives for ever, about why nothing
 * was computed.
 */

#ifndef TFAE_KERNELS_C_TFAE_CUDA_H_
#define TFAE_KERNELS_C_TFAE_CUDA_H_

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { TFAE_FLOAT32 = 0, TFAE_FLOAT64 = 1, TFAE_FLOAT16 = 2, TFAE_BFLOAT16 = 3 };

/* How many bytes of the GPU's memory the forward pass needs besides: 0 but for few long rows; -1 for
 * a type or a size that does not exist. */
int64_t tfae_cuda_workspace_bytes(int32_t type, int64_t samples, int64_t rows, int64_t columns);

/* z = mean + exp(log_variance / 2) * noise
 * kl = sum over columns of (mean^2 + exp(log_variance) - 1 - log_variance) / 2
 *
 * The noise is float32: that of TensorFlow's stateless_normal for the seed and the shape of z with
 * the algorithm Philox, whatever the type. `workspace`, aligned to 8 bytes, is of the size that
 * tfae_cuda_workspace_bytes gives; NULL if that is 0. */
const char* tfae_cuda_gaussian_sample_kl(int32_t type, int64_t samples, int64_t rows,
                                         int64_t columns, const void* mean,
                                         const void* log_variance, const int64_t* seed, void* z,
                                         void* kl, void* workspace, void* stream);

/* mean_gradient = sum over samples of z_gradient, + kl_gradient * mean
 * log_variance_gradient = half of: sum over samples of z_gradient * noise * exp(log_variance / 2)
 *                         + kl_gradient * (exp(log_variance) - 1)
 *
 * The noise is drawn again, so `seed` must hold what it held in the forward pass. With one sample
 * `mean_gradient` may be the memory of `z_gradient`. */
const char* tfae_cuda_gaussian_sample_kl_gradient(
    int32_t type, int64_t samples, int64_t rows, int64_t columns, const void* mean,
    const void* log_variance, const int64_t* seed, const void* z_gradient,
    const void* kl_gradient, void* mean_gradient, void* log_variance_gradient, void* stream);

#ifdef __cplusplus
}
#endif

#endif /* TFAE_KERNELS_C_TFAE_CUDA_H_ */
