// Cuts tensors into tiles, which threads share out among themselves and compute with the best
// instructions of the processor (gaussian_sample_kl_tile.h).

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#if defined(__clang__)
#define TFAE_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define TFAE_INDEPENDENT _Pragma("GCC ivdep")
// Loops that choose between two floating-point results are vectorised only where arithmetic cannot
// trap. This counts for inline functions too, hence before their headers.
#pragma GCC optimize("no-trapping-math")
#endif

#include "kernels/core/gaussian_sample_kl.h"

namespace tfae {
namespace {

// A tile with its intermediate results fits in 48 kB, float32.
constexpr int kTileElements = 2048;
constexpr int kBlocksAtOnce = 32;
constexpr int kTileBlocks = kTileElements / 4 + kBlocksAtOnce;

// Elements of a tensor: whole rows, or part of one row.
struct Tile {
  int64_t begin;
  int count;
};

#if defined(__x86_64__)
namespace avx512 {
#define TFAE_TARGET __attribute__((target("arch=x86-64-v4")))
#define TFAE_LANES 8
#define TFAE_MULTIPLY(a, b) ((Lanes)_mm512_maskz_mul_epu32(0xFF, (__m512i)(a), (__m512i)(b)))
#include "kernels/core/gaussian_sample_kl_tile.h"
#undef TFAE_TARGET
#undef TFAE_LANES
#undef TFAE_MULTIPLY
}  // namespace avx512

namespace avx2 {
#define TFAE_TARGET __attribute__((target("arch=x86-64-v3")))
#define TFAE_LANES 4
#define TFAE_MULTIPLY(a, b) ((Lanes)_mm256_mul_epu32((__m256i)(a), (__m256i)(b)))
#include "kernels/core/gaussian_sample_kl_tile.h"
#undef TFAE_TARGET
#undef TFAE_LANES
#undef TFAE_MULTIPLY
}  // namespace avx2

namespace baseline {
#define TFAE_TARGET
#define TFAE_LANES 2
#define TFAE_MULTIPLY(a, b) ((Lanes)_mm_mul_epu32((__m128i)(a), (__m128i)(b)))
#include "kernels/core/gaussian_sample_kl_tile.h"
}  // namespace baseline
#else
namespace baseline {
#define TFAE_TARGET
#define TFAE_LANES 1
#define TFAE_MULTIPLY(a, b) (((a) & kLow) * (b))
#include "kernels/core/gaussian_sample_kl_tile.h"
}  // namespace baseline
#endif

// How a tensor of rows is cut: several rows a tile, or several tiles a row.
class Tiling {
 public:
  Tiling(int64_t rows, int64_t columns) : rows_(rows), columns_(columns) {
    rows_a_tile_ = std::max<int64_t>(1, kTileElements / columns);
    tiles_a_row_ = (columns + kTileElements - 1) / kTileElements;
    // Parts of about one length, which begin with whole vectors.
    part_ = ((columns + tiles_a_row_ - 1) / tiles_a_row_ + 63) / 64 * 64;
    part_ = std::min<int64_t>(part_, kTileElements);
    tiles_a_row_ = (columns + part_ - 1) / part_;
  }

  int64_t tiles_a_row() const { return tiles_a_row_; }

  int64_t tiles() const {
    if (tiles_a_row_ > 1) return rows_ * tiles_a_row_;
    return (rows_ + rows_a_tile_ - 1) / rows_a_tile_;
  }

  Tile operator[](int64_t index) const {
    if (tiles_a_row_ > 1) {
      const int64_t begin = index % tiles_a_row_ * part_;
      return {index / tiles_a_row_ * columns_ + begin,
              static_cast<int>(std::min(part_, columns_ - begin))};
    }
    const int64_t row = index * rows_a_tile_;
    return {row * columns_, static_cast<int>(std::min(rows_a_tile_, rows_ - row) * columns_)};
  }

 private:
  int64_t rows_;
  int64_t columns_;
  int64_t rows_a_tile_;
  int64_t tiles_a_row_;
  int64_t part_;
};

// About 10 microseconds of work, what it costs to wake a thread.
constexpr int64_t kTilesPerThread = 8;

}  // namespace

#if defined(__x86_64__)
InstructionSet BestInstructionSet() {
  static const InstructionSet best = __builtin_cpu_supports("x86-64-v4")   ? InstructionSet::kAvx512
                                     : __builtin_cpu_supports("x86-64-v3") ? InstructionSet::kAvx2
                                                                           : InstructionSet::kBaseline;
  return best;
}
#define TFAE_SELECT(instruction_set, function)                               \
  ((instruction_set) == InstructionSet::kAvx512 ? &avx512::function          \
   : (instruction_set) == InstructionSet::kAvx2 ? &avx2::function            \
                                                : &baseline::function)
#else
InstructionSet BestInstructionSet() { return InstructionSet::kBaseline; }
#define TFAE_SELECT(instruction_set, function) (&baseline::function)
#endif

template <typename T>
void GaussianSampleKl(const CpuDevice& device, SampleShape shape, const T* mean,
                      const T* log_variance, PhiloxStream stream, T* z, ComputeType<T>* kl) {
  if (shape.columns == 0) std::fill(kl, kl + shape.rows, ComputeType<T>{0});
  if (shape.rows == 0 || shape.columns == 0) return;
  const auto run = TFAE_SELECT(device.instruction_set, ForwardTile<T>);
  const Tiling tiling(shape.samples * shape.rows, shape.columns);
  const int64_t parts = tiling.tiles_a_row();
  // The sums of parts of long rows are added up in the end.
  std::vector<ComputeType<T>> sums(parts > 1 ? shape.rows * parts : 0);
  ParallelFor(device.threads, tiling.tiles(), kTilesPerThread, [&](int64_t begin, int64_t end) {
    for (int64_t index = begin; index < end; ++index) {
      const Tile tile = tiling[index];
      run(tile, shape, mean, log_variance, stream, z,
          parts > 1 ? sums.data() + index : kl + tile.begin / shape.columns);
    }
  });
  for (int64_t row = 0; row < shape.rows; ++row) {
    if (parts > 1) kl[row] = baseline::Sum(&sums[row * parts], parts);
    kl[row] *= ComputeType<T>{0.5};
  }
}

template <typename T>
void GaussianSampleKlGradient(const CpuDevice& device, SampleShape shape, const T* mean,
                              const T* log_variance, PhiloxStream stream, const T* z_gradient,
                              const ComputeType<T>* kl_gradient, T* mean_gradient,
                              T* log_variance_gradient) {
  if (shape.rows == 0 || shape.columns == 0) return;
  const auto run = TFAE_SELECT(device.instruction_set, BackwardTile<T>);
  const Tiling tiling(shape.rows, shape.columns);
  ParallelFor(device.threads, tiling.tiles(), kTilesPerThread, [&](int64_t begin, int64_t end) {
    for (int64_t index = begin; index < end; ++index) {
      run(tiling[index], shape, mean, log_variance, stream, z_gradient, kl_gradient,
          mean_gradient, log_variance_gradient);
    }
  });
}

#define TFAE_INSTANTIATE(T)                                                                     \
  template void GaussianSampleKl<T>(const CpuDevice&, SampleShape, const T*, const T*,          \
                                    PhiloxStream, T*, ComputeType<T>*);                         \
  template void GaussianSampleKlGradient<T>(const CpuDevice&, SampleShape, const T*, const T*,  \
                                            PhiloxStream, const T*, const ComputeType<T>*, T*, \
                                            T*);
TFAE_INSTANTIATE(float)
TFAE_INSTANTIATE(double)
TFAE_INSTANTIATE(Half)
TFAE_INSTANTIATE(Bfloat16)
#undef TFAE_INSTANTIATE

}  // namespace tfae
