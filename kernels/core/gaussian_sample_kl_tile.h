// The arithmetic of one tile, a range of elements small enough for the first-level cache, for one
// instruction set. It has no include guard: gaussian_sample_kl_cpu.cc includes it once for each
// instruction set, in a namespace of its own, with these macros:
//
//   TFAE_TARGET            the attribute of functions that selects the instruction set
//   TFAE_LANES             64-bit lanes of a vector
//   TFAE_MULTIPLY(a, b)    the products of the lower halves of the lanes of two vectors
//
// Functions of other files are used here only where they are always inlined, and thus compiled
// for the instruction set of their caller. Loops are left to the compiler to vectorise, but for
// Philox: from 32-bit multiplications with a 64-bit result, compilers make poor vector code.

#if TFAE_LANES > 1
typedef uint64_t Lanes __attribute__((vector_size(8 * TFAE_LANES)));
#else
typedef uint64_t Lanes;
#endif

// Writes word w of block `first + i` to words[w][i] for i < blocks, a multiple of kBlocksAtOnce.
TFAE_TARGET inline void DrawWords(const PhiloxStream& stream, uint64_t first, int blocks,
                                  uint32_t (*words)[kTileBlocks]) {
  // Each lane computes one block, of whose words only the lower halves of lanes count. Even and
  // odd blocks are apart, to be merged at the end, and there is a second pair of vectors because
  // the multiplications of one round have to wait for those of the round before.
  constexpr int kVectors = 4;
  static_assert(kBlocksAtOnce % (kVectors * TFAE_LANES) == 0);
  constexpr uint64_t kLow = 0xFFFFFFFF;
  Lanes twice_lane;
  const uint64_t kTwiceLane[8] = {0, 2, 4, 6, 8, 10, 12, 14};
  memcpy(&twice_lane, kTwiceLane, sizeof(Lanes));
  const Lanes zero = {};
  const Lanes multiplier0 = zero + kPhiloxMultiplier0;
  const Lanes multiplier1 = zero + kPhiloxMultiplier1;

  for (int i = 0; i < blocks; i += kVectors * TFAE_LANES) {
    Lanes c0[kVectors], c1[kVectors], c2[kVectors], c3[kVectors];
    for (int v = 0; v < kVectors; ++v) {
      c0[v] = twice_lane + (first + i + v / 2 * 2 * TFAE_LANES + v % 2);
      c1[v] = c0[v] >> 32;
      c2[v] = zero + stream.counter[0];
      c3[v] = zero + stream.counter[1];
    }
    uint32_t key0 = stream.key[0];
    uint32_t key1 = stream.key[1];
#pragma GCC unroll 10
    for (int round = 0; round < kPhiloxRounds; ++round) {
      for (int v = 0; v < kVectors; ++v) {
        const Lanes product0 = TFAE_MULTIPLY(c0[v], multiplier0);
        const Lanes product1 = TFAE_MULTIPLY(c2[v], multiplier1);
        c0[v] = (product1 >> 32) ^ c1[v] ^ (zero + key0);
        c1[v] = product1;
        c2[v] = (product0 >> 32) ^ c3[v] ^ (zero + key1);
        c3[v] = product0;
      }
      key0 += kPhiloxKeyStep0;
      key1 += kPhiloxKeyStep1;
    }
    for (int v = 0; v < kVectors; v += 2) {
      const Lanes merged[4] = {
          (c0[v] & kLow) | (c0[v + 1] << 32), (c1[v] & kLow) | (c1[v + 1] << 32),
          (c2[v] & kLow) | (c2[v + 1] << 32), (c3[v] & kLow) | (c3[v + 1] << 32)};
      for (int w = 0; w < 4; ++w) {
        memcpy(&words[w][i + v * TFAE_LANES], &merged[w], sizeof(Lanes));
      }
    }
  }
}

// Draws the noise of elements [begin, begin + count) into `buffer`; returns where it starts there.
TFAE_TARGET inline const float* DrawNoise(const PhiloxStream& stream, int64_t begin, int count,
                                          float buffer[4 * kTileBlocks]) {
  const int offset = static_cast<int>(begin % 4);
  const int needed = (offset + count + 3) / 4;
  const int blocks = (needed + kBlocksAtOnce - 1) / kBlocksAtOnce * kBlocksAtOnce;
  alignas(64) uint32_t words[4][kTileBlocks];
  DrawWords(stream, static_cast<uint64_t>(begin / 4), blocks, words);
  TFAE_INDEPENDENT
  for (int i = 0; i < blocks; ++i) {
    BoxMuller(words[0][i], words[1][i], &buffer[4 * i], &buffer[4 * i + 1]);
    BoxMuller(words[2][i], words[3][i], &buffer[4 * i + 2], &buffer[4 * i + 3]);
  }
  return buffer + offset;
}

// The sum of a range, in an order that depends on its length alone.
template <typename C>
TFAE_TARGET inline C Sum(const C* terms, int64_t count) {
  constexpr int kWidth = sizeof(Lanes) / sizeof(C);
  typedef C Vector __attribute__((vector_size(sizeof(Lanes))));
  C sum = 0;
  int64_t i = 0;
  if (count >= kWidth) {
    Vector sums[4] = {};
    for (; i + 4 * kWidth <= count; i += 4 * kWidth) {
      for (int v = 0; v < 4; ++v) {
        Vector next;
        memcpy(&next, &terms[i + v * kWidth], sizeof(next));
        sums[v] += next;
      }
    }
    for (; i + kWidth <= count; i += kWidth) {
      Vector next;
      memcpy(&next, &terms[i], sizeof(next));
      sums[0] += next;
    }
    const Vector total = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    C lanes[kWidth];
    memcpy(lanes, &total, sizeof(total));
    for (int width = kWidth / 2; width > 0; width /= 2) {
      for (int lane = 0; lane < width; ++lane) lanes[lane] += lanes[lane + width];
    }
    sum = lanes[0];
  }
  for (; i < count; ++i) sum += terms[i];
  return sum;
}

// Sets z in [tile.begin, tile.begin + tile.count) and, where this is part of the first sample, the
// sums of the KL divergence's terms over each row's part of it, from kl_sums[0] on.
template <typename T>
TFAE_TARGET void ForwardTile(Tile tile, SampleShape shape, const T* mean, const T* log_variance,
                             const PhiloxStream& stream, T* z, ComputeType<T>* kl_sums) {
  using C = ComputeType<T>;
  alignas(64) float buffer[4 * kTileBlocks];
  alignas(64) C terms[kTileElements];
  const int64_t sample_size = shape.rows * shape.columns;
  const float* noise = DrawNoise(stream, tile.begin, tile.count, buffer);

  // A tile may have parts of several samples, which share mean and log_variance.
  int64_t source = tile.begin % sample_size;
  for (int64_t done = 0; done < tile.count; source = 0) {
    const int64_t left = tile.count - done;
    const int64_t count = left < sample_size - source ? left : sample_size - source;
    const T* m = mean + source;
    const T* v = log_variance + source;
    T* target = z + tile.begin + done;
    TFAE_INDEPENDENT
    for (int64_t i = 0; i < count; ++i) {
      const C x = Load(m[i]);
      const C y = Load(v[i]);
      const C deviation = Exp(C{0.5} * y);
      Store(x + deviation * static_cast<C>(noise[done + i]), &target[i]);
      terms[i] = x * x + deviation * deviation - C{1} - y;
    }
    if (tile.begin + done < sample_size) {
      const int64_t width = count < shape.columns ? count : shape.columns;
      for (int64_t i = 0; i < count; i += width) *kl_sums++ = Sum(terms + i, width);
    }
    done += count;
  }
}

// Sets both gradients in [tile.begin, tile.begin + tile.count).
template <typename T>
TFAE_TARGET void BackwardTile(Tile tile, SampleShape shape, const T* mean, const T* log_variance,
                              const PhiloxStream& stream, const T* z_gradient,
                              const ComputeType<T>* kl_gradient, T* mean_gradient,
                              T* log_variance_gradient) {
  using C = ComputeType<T>;
  alignas(64) float buffer[4 * kTileBlocks];
  alignas(64) C sum[kTileElements];             // over samples, of z_gradient
  alignas(64) C sum_with_noise[kTileElements];  // of z_gradient * noise
  alignas(64) C weight[kTileElements];          // kl_gradient of each element's row
  const int64_t sample_size = shape.rows * shape.columns;
  for (int64_t sample = 0; sample < shape.samples; ++sample) {
    const int64_t begin = sample * sample_size + tile.begin;
    const float* noise = DrawNoise(stream, begin, tile.count, buffer);
    for (int i = 0; i < tile.count; ++i) {
      const C gradient = Load(z_gradient[begin + i]);
      const C before = sample == 0 ? C{0} : sum[i];
      const C before_with_noise = sample == 0 ? C{0} : sum_with_noise[i];
      sum[i] = before + gradient;
      sum_with_noise[i] = before_with_noise + gradient * static_cast<C>(noise[i]);
    }
  }
  const int64_t first_row = tile.begin / shape.columns;
  const int64_t width = tile.count < shape.columns ? tile.count : shape.columns;
  for (int64_t i = 0; i < tile.count; i += width) {
    const C row_weight = kl_gradient[first_row + i / width];
    for (int64_t j = 0; j < width; ++j) weight[i + j] = row_weight;
  }
  TFAE_INDEPENDENT
  for (int i = 0; i < tile.count; ++i) {
    const C deviation = Exp(C{0.5} * Load(log_variance[tile.begin + i]));
    Store(sum[i] + weight[i] * Load(mean[tile.begin + i]), &mean_gradient[tile.begin + i]);
    Store(C{0.5} * (sum_with_noise[i] * deviation + weight[i] * (deviation * deviation - C{1})),
          &log_variance_gradient[tile.begin + i]);
  }
}
