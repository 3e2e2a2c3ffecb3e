#include "kernels/core/sample_arguments.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tfae {
namespace {

std::string Describe(const Argument& argument) {
  std::string text(argument.type);
  text += '[';
  for (size_t axis = 0; axis < argument.rank; ++axis) {
    if (axis > 0) text += ',';
    text += std::to_string(argument.sizes[axis]);
  }
  return text + ']';
}

std::string Wrong(const Argument& argument, const std::string& wanted) {
  return std::string(argument.name) + " must be " + wanted + ", but is " + Describe(argument);
}

bool SameSizes(const int64_t* a, size_t a_rank, const int64_t* b, size_t b_rank) {
  return a_rank == b_rank && std::equal(a, a + a_rank, b);
}

std::string CheckLike(const Argument& argument, const Argument& other) {
  if (argument.type == other.type &&
      SameSizes(argument.sizes, argument.rank, other.sizes, other.rank)) {
    return "";
  }
  return Wrong(argument, Describe(other) + ", as " + other.name + " is");
}

std::string CheckMean(const Argument& mean, SampleShape* shape) {
  if (mean.type != "f32" && mean.type != "f16" && mean.type != "bf16" && mean.type != "f64") {
    return Wrong(mean, "f32, f16, bf16 or f64");
  }
  if (mean.rank == 0) return Wrong(mean, "of at least one axis");
  shape->rows = 1;
  for (size_t axis = 0; axis + 1 < mean.rank; ++axis) {
    // Only tensors without elements can have so many rows.
    if (__builtin_mul_overflow(shape->rows, mean.sizes[axis], &shape->rows)) {
      return Wrong(mean, "of fewer than 2^63 rows");
    }
  }
  shape->columns = mean.sizes[mean.rank - 1];
  return "";
}

std::string CheckSeed(const Argument& seed) {
  if ((seed.type == "s32" || seed.type == "s64") && seed.rank == 1 && seed.sizes[0] == 2) return "";
  return Wrong(seed, "s32[2] or s64[2]");
}

std::string CheckZ(const Argument& z, const Argument& mean, SampleShape* shape) {
  shape->samples = 1;
  const bool alone = SameSizes(z.sizes, z.rank, mean.sizes, mean.rank);
  if (z.type == mean.type && !alone && z.rank == mean.rank + 1 && z.sizes[0] > 0) {
    shape->samples = z.sizes[0];
    if (SameSizes(z.sizes + 1, z.rank - 1, mean.sizes, mean.rank)) return "";
  }
  if (z.type == mean.type && alone) return "";
  return Wrong(z, Describe(mean) + ", as mean is, or this behind an axis of one sample or more");
}

std::string CheckKl(const Argument& kl, const Argument& mean) {
  const std::string_view type = mean.type == "f64" ? "f64" : "f32";
  const Argument wanted = {"kl", type, mean.sizes, mean.rank - 1};
  if (kl.type == type && SameSizes(kl.sizes, kl.rank, wanted.sizes, wanted.rank)) return "";
  return Wrong(kl, Describe(wanted) + ", one for each row of mean");
}

// The first of several messages that is not empty.
template <typename... Check>
std::string FirstOf(const Check&... checks) {
  std::string wrong;
  (void)((wrong = checks(), !wrong.empty()) || ...);
  return wrong;
}

}  // namespace

std::string CheckForward(const Argument& mean, const Argument& log_variance, const Argument& seed,
                         const Argument& z, const Argument& kl, SampleShape* shape) {
  return FirstOf([&] { return CheckMean(mean, shape); },
                 [&] { return CheckLike(log_variance, mean); }, [&] { return CheckSeed(seed); },
                 [&] { return CheckZ(z, mean, shape); }, [&] { return CheckKl(kl, mean); });
}

std::string CheckBackward(const Argument& mean, const Argument& log_variance, const Argument& seed,
                          const Argument& z, const Argument& z_gradient,
                          const Argument& kl_gradient, const Argument& mean_gradient,
                          const Argument& log_variance_gradient, SampleShape* shape) {
  return FirstOf([&] { return CheckForward(mean, log_variance, seed, z, kl_gradient, shape); },
                 [&] { return CheckLike(z_gradient, z); },
                 [&] { return CheckLike(mean_gradient, mean); },
                 [&] { return CheckLike(log_variance_gradient, mean); });
}

}  // namespace tfae
