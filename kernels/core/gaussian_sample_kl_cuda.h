// The fused op on NVIDIA GPUs, with the tensors of gaussian_sample_kl.h in GPU memory.
//
// Kernels are launched in the current CUDA context, which must be that of the stream. The functions
// do not wait for the kernels and allocate no memory. Results are bit-identical from run to run.

#ifndef TFAE_KERNELS_CORE_GAUSSIAN_SAMPLE_KL_CUDA_H_
#define TFAE_KERNELS_CORE_GAUSSIAN_SAMPLE_KL_CUDA_H_

#include <cstdint>

#include "kernels/core/gaussian_sample_kl.h"

struct CUstream_st;  // CUDA's; a cudaStream_t is a pointer to one

namespace tfae {

// The two words of a seed, in GPU memory. It is read when the kernel runs, so a CUDA graph draws
// new noise for each seed that is there.
struct DeviceSeed {
  const void* words;
  bool wide;  // int64_t, not int32_t
};

struct CudaDevice {
  CUstream_st* stream;
  // WorkspaceBytes gives its size. It is free for other use when the kernels have run.
  void* workspace = nullptr;
};

// The bytes that the forward pass needs for the sums of parts of rows: zero except for a few long
// rows. The backward pass needs none.
template <typename T>
int64_t WorkspaceBytes(SampleShape shape);

// Returns null, or CUDA's message that says why the kernel was not launched.
template <typename T>
const char* GaussianSampleKl(const CudaDevice& device, SampleShape shape,
                             const ForwardTensors<T, DeviceSeed>& tensors);

// Likewise. `z` is not read and may be null: drawing the noise again is faster than reading another
// tensor.
template <typename T>
const char* GaussianSampleKlGradient(const CudaDevice& device, SampleShape shape,
                                     const BackwardTensors<T, DeviceSeed>& tensors);

}  // namespace tfae

#endif  // TFAE_KERNELS_CORE_GAUSSIAN_SAMPLE_KL_CUDA_H_
