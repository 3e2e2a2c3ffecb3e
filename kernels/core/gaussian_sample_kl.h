// The fused op, independent of any framework: samples diagonal Gaussians, computes their KL
// divergence to N(0, I), and the gradients of both.
//
// Tensors are dense, the last axis fastest:
//
//   mean, log_variance      [rows, columns]
//   z                       [samples, rows, columns]   mean + exp(log_variance / 2) * noise
//   kl                      [rows]    sum of (mean^2 + exp(log_variance) - 1 - log_variance) / 2
//
// T is float, double, Half or Bfloat16. The noise is float32 for all of them; that of element i of
// z is element i of the stream (philox.h). Everything is computed in ComputeType<T> and rounded
// once. Results do not depend on the number of threads.

#ifndef TFAE_KERNELS_CORE_GAUSSIAN_SAMPLE_KL_H_
#define TFAE_KERNELS_CORE_GAUSSIAN_SAMPLE_KL_H_

#include <cstdint>

#include "kernels/core/element.h"
#include "kernels/core/parallel_for.h"
#include "kernels/core/philox.h"

namespace tfae {

struct SampleShape {
  int64_t samples;  // at least 1
  int64_t rows;
  int64_t columns;
};

// Variants of the CPU code; a processor that has one also has those before it.
enum class InstructionSet { kBaseline, kAvx2, kAvx512 };

// The best one that this processor has.
InstructionSet BestInstructionSet();

// What runs the CPU code.
struct CpuDevice {
  Threads threads;
  InstructionSet instruction_set = BestInstructionSet();
};

// `Noise` is a stream, or a seed in GPU memory.
template <typename T, typename Noise = PhiloxStream>
struct ForwardTensors {
  const T* mean;
  const T* log_variance;
  Noise noise;
  T* z;
  ComputeType<T>* kl;
};

template <typename T>
void GaussianSampleKl(const CpuDevice& device, SampleShape shape,
                      const ForwardTensors<T>& tensors);

// The gradients of a loss, each with the shape of its tensor, given those of z and kl:
//
//   mean_gradient           sum over samples of z_gradient, + kl_gradient * mean
//   log_variance_gradient   half of: sum over samples of z_gradient * noise * exp(log_variance / 2)
//                           + kl_gradient * (exp(log_variance) - 1)
//
// The noise is recovered from z where that is accurate, and drawn again elsewhere. With one sample,
// `mean_gradient` may share its memory with `z_gradient`, and `log_variance_gradient` with `z`.
template <typename T, typename Noise = PhiloxStream>
struct BackwardTensors {
  const T* mean;
  const T* log_variance;
  Noise noise;
  const T* z;
  const T* z_gradient;
  const ComputeType<T>* kl_gradient;
  T* mean_gradient;
  T* log_variance_gradient;
};

template <typename T>
void GaussianSampleKlGradient(const CpuDevice& device, SampleShape shape,
                              const BackwardTensors<T>& tensors);

}  // namespace tfae

#endif  // TFAE_KERNELS_CORE_GAUSSIAN_SAMPLE_KL_H_
