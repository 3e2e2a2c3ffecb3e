// Splits tensors into tiles, which are distributed over threads and computed with the processor's
// best instruction set (gaussian_sample_kl_tile.h).

#include "kernels/core/gaussian_sample_kl.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

// Tells the compiler that no element depends on an earlier one of the same loop.
#if defined(__clang__)
#define TFAE_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#pragma clang diagnostic ignored "-Wpass-failed"  // not for double, where exp() is a call
#else
#define TFAE_INDEPENDENT _Pragma("GCC ivdep")
#endif

namespace tfae {
namespace {

// A tile and its intermediate results fit in 32 kB.
constexpr int kTileElements = 512;
// Blocks of noise of a tile, including the unused ends of the first and last vectors.
constexpr int kTileBlocks = kTileElements / 4 + 32;

// A range of elements: whole rows, or a part of one row.
struct Tile {
  int64_t begin;
  int count;
};

#if defined(__x86_64__)
namespace avx512 {
#define TFAE_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")))
#define TFAE_LANES 8
#define TFAE_MULTIPLY(a, b) ((Lanes)_mm512_maskz_mul_epu32(0xFF, (__m512i)(a), (__m512i)(b)))
#define TFAE_STREAM(to, from) _mm512_stream_si512((__m512i*)(to), (__m512i)(from))
#include "kernels/core/gaussian_sample_kl_tile.h"
}  // namespace avx512

namespace avx2 {
#define TFAE_TARGET __attribute__((target("avx2,fma")))
#define TFAE_LANES 4
#define TFAE_MULTIPLY(a, b) ((Lanes)_mm256_mul_epu32((__m256i)(a), (__m256i)(b)))
#define TFAE_STREAM(to, from) _mm256_stream_si256((__m256i*)(to), (__m256i)(from))
#include "kernels/core/gaussian_sample_kl_tile.h"
}  // namespace avx2

namespace baseline {
#define TFAE_TARGET
#define TFAE_LANES 2
#define TFAE_MULTIPLY(a, b) ((Lanes)_mm_mul_epu32((__m128i)(a), (__m128i)(b)))
#define TFAE_STREAM(to, from) _mm_stream_si128((__m128i*)(to), (__m128i)(from))
#include "kernels/core/gaussian_sample_kl_tile.h"
}  // namespace baseline

#define TFAE_SELECT(instruction_set, function)                      \
  ((instruction_set) == InstructionSet::kAvx512 ? &avx512::function \
   : (instruction_set) == InstructionSet::kAvx2 ? &avx2::function   \
                                                : &baseline::function)

// Makes streamed results visible to other threads before anything that follows.
void FinishStreaming() { _mm_sfence(); }
#else
namespace baseline {
#define TFAE_TARGET
#define TFAE_LANES 1
#define TFAE_MULTIPLY(a, b) (((a) & 0xFFFFFFFF) * (b))
#define TFAE_STREAM(to, from) memcpy(to, &(from), sizeof(from))
#include "kernels/core/gaussian_sample_kl_tile.h"
}  // namespace baseline

#define TFAE_SELECT(instruction_set, function) (&baseline::function)

void FinishStreaming() {}
#endif

// How the rows of a tensor are split: several rows per tile, or several tiles per row.
class Tiling {
 public:
  Tiling(int64_t rows, int64_t columns) : rows_(rows), columns_(columns) {
    rows_a_tile_ = std::max<int64_t>(1, kTileElements / columns);
    // Tiles that begin at a block of noise waste none of it.
    if (rows_a_tile_ > 4) rows_a_tile_ = rows_a_tile_ / 4 * 4;
    // Parts of about equal length, in whole vectors.
    const int64_t parts = (columns + kTileElements - 1) / kTileElements;
    part_ = ((columns + parts - 1) / parts + 15) / 16 * 16;
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

// About 10 microseconds of work, the cost of waking a thread.
constexpr int64_t kTilesPerThread = 32;

// Larger tensors would not stay in the caches until they are read.
constexpr int64_t kStreamedBytes = 8 << 20;

}  // namespace

InstructionSet BestInstructionSet() {
#if defined(__x86_64__)
  static const InstructionSet best = [] {
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
      return InstructionSet::kBaseline;
    }
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
      return InstructionSet::kAvx512;
    }
    return InstructionSet::kAvx2;
  }();
  return best;
#else
  return InstructionSet::kBaseline;
#endif
}

template <typename T>
void GaussianSampleKl(const CpuDevice& device, SampleShape shape,
                      const ForwardTensors<T>& tensors) {
  using C = ComputeType<T>;
  if (shape.columns == 0) std::fill(tensors.kl, tensors.kl + shape.rows, C{0});
  if (shape.rows == 0 || shape.columns == 0) return;
  const auto run = TFAE_SELECT(device.instruction_set, ForwardTile<T>);
  const Tiling tiling(shape.samples * shape.rows, shape.columns);
  const int64_t parts = tiling.tiles_a_row();
  // The sums of the parts of long rows are added at the end.
  std::vector<C> sums(parts > 1 ? shape.rows * parts : 0);
  ParallelFor(device.threads, tiling.tiles(), kTilesPerThread, [&](int64_t begin, int64_t end) {
    for (int64_t index = begin; index < end; ++index) {
      const Tile tile = tiling[index];
      run(tile, shape, tensors,
          parts > 1 ? sums.data() + index : tensors.kl + tile.begin / shape.columns);
    }
  });
  for (int64_t row = 0; row < shape.rows; ++row) {
    if (parts > 1) tensors.kl[row] = baseline::Sum(&sums[row * parts], parts);
    tensors.kl[row] *= C{0.5};
  }
}

template <typename T>
void GaussianSampleKlGradient(const CpuDevice& device, SampleShape shape,
                              const BackwardTensors<T>& tensors) {
  if (shape.rows == 0 || shape.columns == 0) return;
  const auto run = TFAE_SELECT(device.instruction_set, BackwardTile<T>);
  const Tiling tiling(shape.rows, shape.columns);
  const bool stream =
      shape.rows * shape.columns * static_cast<int64_t>(sizeof(T)) >= kStreamedBytes;
  const int64_t tiles_per_thread = std::max<int64_t>(1, kTilesPerThread / shape.samples);
  ParallelFor(device.threads, tiling.tiles(), tiles_per_thread, [&](int64_t begin, int64_t end) {
    for (int64_t index = begin; index < end; ++index) run(tiling[index], shape, tensors, stream);
    if (stream) FinishStreaming();
  });
}

#define TFAE_INSTANTIATE(T)                                                                       \
  template void GaussianSampleKl<T>(const CpuDevice&, SampleShape, const ForwardTensors<T>&);     \
  template void GaussianSampleKlGradient<T>(const CpuDevice&, SampleShape,                        \
                                            const BackwardTensors<T>&);
TFAE_INSTANTIATE(float)
TFAE_INSTANTIATE(double)
TFAE_INSTANTIATE(Half)
TFAE_INSTANTIATE(Bfloat16)
#undef TFAE_INSTANTIATE

}  // namespace tfae
