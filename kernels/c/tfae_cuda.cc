// The C interface of the core, only in libraries that are built with CUDA.

#if defined(TFAE_CUDA)

#include "kernels/c/tfae_cuda.h"

#include <cstdint>

#include "kernels/core/gaussian_sample_kl_cuda.h"

namespace tfae {
namespace {

constexpr char kBadArguments[] =
    "type must be one of TFAE_FLOAT32 ... TFAE_BFLOAT16, samples at least 1, sizes at least 0";

// Returns the result of `function` for a value of the core's type for `type`, or `error`.
template <typename Result, typename Function>
Result WithElement(int32_t type, SampleShape shape, Result error, Function&& function) {
  if (shape.samples < 1 || shape.rows < 0 || shape.columns < 0) return error;
  switch (type) {
    case TFAE_FLOAT32:
      return function(float{});
    case TFAE_FLOAT64:
      return function(double{});
    case TFAE_FLOAT16:
      return function(Half{});
    case TFAE_BFLOAT16:
      return function(Bfloat16{});
    default:
      return error;
  }
}

template <typename T>
const T* In(const void* data) {
  return static_cast<const T*>(data);
}
template <typename T>
T* Out(void* data) {
  return static_cast<T*>(data);
}

}  // namespace
}  // namespace tfae

using namespace tfae;  // NOLINT: the functions of C have no namespace

int64_t tfae_cuda_workspace_bytes(int32_t type, int64_t samples, int64_t rows, int64_t columns) {
  const SampleShape shape = {samples, rows, columns};
  return WithElement(type, shape, int64_t{-1},
                     [&](auto element) { return WorkspaceBytes<decltype(element)>(shape); });
}

const char* tfae_cuda_gaussian_sample_kl(int32_t type, int64_t samples, int64_t rows,
                                         int64_t columns, const void* mean,
                                         const void* log_variance, const int64_t* seed, void* z,
                                         void* kl, void* workspace, void* stream) {
  const SampleShape shape = {samples, rows, columns};
  return WithElement<const char*>(type, shape, kBadArguments, [&](auto element) -> const char* {
    using T = decltype(element);
    if (workspace == nullptr && WorkspaceBytes<T>(shape) > 0) {
      return "workspace is NULL, but tfae_cuda_workspace_bytes is not 0";
    }
    return GaussianSampleKl<T>({Out<CUstream_st>(stream), workspace}, shape,
                               {In<T>(mean), In<T>(log_variance), {seed, /*wide=*/true}, Out<T>(z),
                                Out<ComputeType<T>>(kl)});
  });
}

const char* tfae_cuda_gaussian_sample_kl_gradient(
    int32_t type, int64_t samples, int64_t rows, int64_t columns, const void* mean,
    const void* log_variance, const int64_t* seed, const void* z_gradient,
    const void* kl_gradient, void* mean_gradient, void* log_variance_gradient, void* stream) {
  const SampleShape shape = {samples, rows, columns};
  return WithElement<const char*>(type, shape, kBadArguments, [&](auto element) {
    using T = decltype(element);
    return GaussianSampleKlGradient<T>(
        {Out<CUstream_st>(stream)}, shape,
        {In<T>(mean), In<T>(log_variance), {seed, /*wide=*/true}, /*z=*/nullptr,
         In<T>(z_gradient), In<ComputeType<T>>(kl_gradient), Out<T>(mean_gradient),
         Out<T>(log_variance_gradient)});
  });
}

#endif  // TFAE_CUDA
