// Checks the shapes and types of the fused op's tensors when other programs pass them. Errors say
// which tensor is wrong, what it is, and what it must be.

#ifndef TFAE_KERNELS_CORE_SAMPLE_ARGUMENTS_H_
#define TFAE_KERNELS_CORE_SAMPLE_ARGUMENTS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "kernels/core/gaussian_sample_kl.h"

namespace tfae {

// The name, type and shape of a dense tensor.
struct Argument {
  const char* name;
  std::string_view type;  // as XLA writes it: "f32", "f16", "bf16", "f64", "s32", "s64", ...
  const int64_t* sizes;   // of its axes
  size_t rank;
};

// Both functions set `shape` and return an empty string, or return an error message. They check
// everything that the core relies on: then nothing is read or written past the end of a tensor, and
// every element of the results is written.
std::string CheckForward(const Argument& mean, const Argument& log_variance, const Argument& seed,
                         const Argument& z, const Argument& kl, SampleShape* shape);

std::string CheckBackward(const Argument& mean, const Argument& log_variance, const Argument& seed,
                          const Argument& z, const Argument& z_gradient,
                          const Argument& kl_gradient, const Argument& mean_gradient,
                          const Argument& log_variance_gradient, SampleShape* shape);

}  // namespace tfae

#endif  // TFAE_KERNELS_CORE_SAMPLE_ARGUMENTS_H_
