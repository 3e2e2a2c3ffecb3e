// The fused op on NVIDIA GPUs, with the tensors of gaussian_sample_kl.h in the memory of the GPU.
//
// Kernels are launched in the current CUDA context, which must be that of the stream. Nothing waits
// for them, and nothing allocates memory. Results are bit-identical from run to run.

#ifndef TFAE_KERNELS_CORE_GAUSSIAN_SAMPLE_KL_CUDA_H_
#define TFAE_KERNELS_CORE_GAUSSIAN_SAMPLE_KL_CUDA_H_

#include <cstdint>

#include "kernels/core/gaussian_sample_kl.h"

struct CUstream_st;  // CUDA's; a cudaStream_t is a pointer to one

namespace tfae {

// The two words of a seed, in the memory of the GPU: it is read when the kernel runs, so a graph of
// launches draws new noise for each seed that it finds there.
struct DeviceSeed {
  const void* words;
  bool wide;  // int64_t, not int32_t
};

struct CudaDevice {
  CUstream_st* stream;
  // Of the size that WorkspaceBytes gives, and free for other use when the kernels have run.
  void* workspace = nullptr;
};

// What the forward pass needs for the sums of parts of rows: nothing but for few long rows. The
// backward pass needs none.
template <typename T>
int64_t WorkspaceBytes(SampleShape shape);

// Returns null, or CUDA's message about why the kernel was not launched.
template <typename T>
const char* GaussianSampleKl(const CudaDevice& device, SampleShape shape,
                             const ForwardTensors<T, DeviceSeed>& tensors);

// As above. `z` is not read and may be null: to draw the noise again takes less time than to read
// one more tensor.
template <typename T>
const char* GaussianSampleKlGradient(const CudaDevice& device, SampleShape shape,
                                     const BackwardTensors<T, DeviceSeed>& tensors);

}  // namespace tfae

#endif  // TFAE_KERNELS_CORE_GAUSSIAN_SAMPLE_KL_CUDA_H_
