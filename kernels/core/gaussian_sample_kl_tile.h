// The computation for one tile, a range of elements that fits in the first-level cache, for one
// instruction set. There is no include guard: gaussian_sample_kl_cpu.cc includes this file once for
// each instruction set, each time in another namespace, with these macros, which it undefines:
//
//   TFAE_TARGET            the attribute of functions that selects the instruction set
//   TFAE_LANES             number of 64-bit lanes of a vector
//   TFAE_MULTIPLY(a, b)    the products of the lower halves of the lanes of two vectors
//   TFAE_STREAM(to, from)  stores a vector to aligned memory, bypassing the caches
//
// Functions of other files are used here only if they are always inlined, and so compiled for the
// instruction set of the caller. The compiler vectorises the loops, except for Philox: compilers
// make poor vector code of 32-bit multiplications with a 64-bit result.

#if TFAE_LANES > 1
typedef uint64_t Lanes __attribute__((vector_size(8 * TFAE_LANES)));
#else
typedef uint64_t Lanes;
#endif

// Writes word w of block `first + i` to words[w][i] for i < kPairs * 2 * TFAE_LANES.
template <int kPairs>
TFAE_TARGET inline void DrawWordsAtOnce(const PhiloxStream& stream, uint64_t first,
                                        uint32_t* const words[4]) {
  // Each lane computes one block; only the lower half of a lane is used. The vectors of even and
  // odd blocks are merged at the end. Several such pairs keep the processor busy, since the
  // multiplications of a round depend on those of the round before.
  constexpr uint64_t kLow = 0xFFFFFFFF;
  const uint64_t kTwiceLane[8] = {0, 2, 4, 6, 8, 10, 12, 14};
  const Lanes zero = {};
  Lanes twice_lane;
  memcpy(&twice_lane, kTwiceLane, sizeof(Lanes));
  Lanes c0[2 * kPairs], c1[2 * kPairs], c2[2 * kPairs], c3[2 * kPairs];
  for (int v = 0; v < 2 * kPairs; ++v) {
    c0[v] = twice_lane + (first + v / 2 * 2 * TFAE_LANES + v % 2);
    c1[v] = c0[v] >> 32;
    c2[v] = zero + stream.counter[0];
    c3[v] = zero + stream.counter[1];
  }
  uint32_t key0 = stream.key[0];
  uint32_t key1 = stream.key[1];
#pragma GCC unroll 10
  for (int round = 0; round < kPhiloxRounds; ++round) {
    for (int v = 0; v < 2 * kPairs; ++v) {
      const Lanes product0 = TFAE_MULTIPLY(c0[v], zero + kPhiloxMultiplier0);
      const Lanes product1 = TFAE_MULTIPLY(c2[v], zero + kPhiloxMultiplier1);
      c0[v] = (product1 >> 32) ^ c1[v] ^ (zero + key0);
      c1[v] = product1;
      c2[v] = (product0 >> 32) ^ c3[v] ^ (zero + key1);
      c3[v] = product0;
    }
    key0 += kPhiloxKeyStep0;
    key1 += kPhiloxKeyStep1;
  }
  for (int v = 0; v < 2 * kPairs; v += 2) {
    const Lanes merged[4] = {
        (c0[v] & kLow) | (c0[v + 1] << 32), (c1[v] & kLow) | (c1[v + 1] << 32),
        (c2[v] & kLow) | (c2[v + 1] << 32), (c3[v] & kLow) | (c3[v + 1] << 32)};
    for (int w = 0; w < 4; ++w) memcpy(words[w] + v * TFAE_LANES, &merged[w], sizeof(Lanes));
  }
}

// Draws the noise of elements [begin, begin + count) into `buffer`; returns a pointer to its start.
TFAE_TARGET inline const float* DrawNoise(const PhiloxStream& stream, int64_t begin, int count,
                                          float buffer[4 * kTileBlocks]) {
  const int offset = static_cast<int>(begin % 4);
  const int needed = (offset + count + 3) / 4;
  alignas(64) uint32_t words[4][kTileBlocks];
  int blocks = 0;
  while (blocks < needed) {
    const uint64_t first = static_cast<uint64_t>(begin / 4 + blocks);
    uint32_t* const at[4] = {&words[0][blocks], &words[1][blocks], &words[2][blocks],
                             &words[3][blocks]};
    if (blocks + 2 * TFAE_LANES < needed) {
      DrawWordsAtOnce<2>(stream, first, at);
      blocks += 4 * TFAE_LANES;
    } else {
      DrawWordsAtOnce<1>(stream, first, at);
      blocks += 2 * TFAE_LANES;
    }
  }
  TFAE_INDEPENDENT
  for (int i = 0; i < blocks; ++i) {
    BoxMuller(words[0][i], words[1][i], &buffer[4 * i], &buffer[4 * i + 1]);
    BoxMuller(words[2][i], words[3][i], &buffer[4 * i + 2], &buffer[4 * i + 3]);
  }
  return buffer + offset;
}

// The sum of a vector's lanes, computed by halving.
template <typename C, int kWidth, typename Vector>
TFAE_TARGET inline __attribute__((always_inline)) C SumOfLanes(const Vector& vector) {
  if constexpr (kWidth == 1) {
    C sum;
    memcpy(&sum, &vector, sizeof(sum));
    return sum;
  } else {
    typedef C HalfVector __attribute__((vector_size(sizeof(C) * kWidth / 2)));
    HalfVector halves[2];
    memcpy(halves, &vector, sizeof(vector));
    return SumOfLanes<C, kWidth / 2>(HalfVector(halves[0] + halves[1]));
  }
}

// The sum of a range, in an order that depends only on its length.
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
    sum = SumOfLanes<C, kWidth>(total);
  }
  for (; i < count; ++i) sum += terms[i];
  return sum;
}

// Sets z in [tile.begin, tile.begin + tile.count). If the tile is in the first sample, also sums
// the terms of the KL divergence over each row's part of the tile, into kl_sums[0] and following.
template <typename T>
TFAE_TARGET void ForwardTile(Tile tile, SampleShape shape, const ForwardTensors<T>& tensors,
                             ComputeType<T>* kl_sums) {
  using C = ComputeType<T>;
  alignas(64) float buffer[4 * kTileBlocks];
  const float* noise = DrawNoise(tensors.noise, tile.begin, tile.count, buffer);

  // A tile may span several samples, which share mean and log_variance.
  const int64_t sample_size = shape.rows * shape.columns;
  int64_t source = tile.begin % sample_size;
  for (int64_t done = 0; done < tile.count; source = 0) {
    const int64_t left = tile.count - done;
    const int64_t count = left < sample_size - source ? left : sample_size - source;
    const T* mean = tensors.mean + source;
    const T* log_variance = tensors.log_variance + source;
    T* z = tensors.z + tile.begin + done;
    alignas(64) C kl_terms[kTileElements];
    TFAE_INDEPENDENT
    for (int64_t i = 0; i < count; ++i) {
      const C m = Load(mean[i]);
      const C v = Load(log_variance[i]);
      const C deviation = Exp(C{0.5} * v);
      Store(m + deviation * static_cast<C>(noise[done + i]), &z[i]);
      kl_terms[i] = m * m + deviation * deviation - C{1} - v;
    }
    if (tile.begin + done < sample_size) {
      const int64_t width = count < shape.columns ? count : shape.columns;
      for (int64_t i = 0; i < count; i += width) *kl_sums++ = Sum(kl_terms + i, width);
    }
    done += count;
  }
}

// Copies a tile, bypassing the caches except at its ends.
template <typename T>
TFAE_TARGET inline void Stream(const T* from, int count, T* to) {
  constexpr int kWidth = sizeof(Lanes) / sizeof(T);
  int i = 0;
  while (i < count && reinterpret_cast<uintptr_t>(to + i) % sizeof(Lanes) != 0) {
    to[i] = from[i];
    ++i;
  }
  for (; i + kWidth <= count; i += kWidth) {
    Lanes vector;
    memcpy(&vector, from + i, sizeof(vector));
    TFAE_STREAM(to + i, vector);
  }
  for (; i < count; ++i) to[i] = from[i];
}

// The gradients of one element, given the sums of `z_gradient` and of `z_gradient * step` over its
// samples.
template <typename T>
TFAE_TARGET inline __attribute__((always_inline)) void StoreGradients(
    ComputeType<T> gradient_sum, ComputeType<T> step_sum, ComputeType<T> kl_gradient,
    ComputeType<T> mean, ComputeType<T> deviation, T* mean_gradient, T* log_variance_gradient) {
  using C = ComputeType<T>;
  Store(gradient_sum + kl_gradient * mean, mean_gradient);
  Store(C{0.5} * (step_sum + kl_gradient * (deviation * deviation - C{1})),
        log_variance_gradient);
}

// Sets both gradients in [tile.begin, tile.begin + tile.count).
template <typename T>
TFAE_TARGET void BackwardTile(Tile tile, SampleShape shape, const BackwardTensors<T>& tensors,
                              bool stream_results) {
  using C = ComputeType<T>;
  const int count = tile.count;
  const T* mean = tensors.mean + tile.begin;
  const T* log_variance = tensors.log_variance + tile.begin;

  alignas(64) C kl_gradient[kTileElements];  // repeated for all elements of a row
  const C* of_row = tensors.kl_gradient + tile.begin / shape.columns;
  const int64_t width = count < shape.columns ? count : shape.columns;
  for (int64_t i = 0; i < count; i += width, ++of_row) {
    for (int64_t j = 0; j < width; ++j) kl_gradient[i + j] = *of_row;
  }

  // The step, deviation * noise, equals z - mean up to the rounding of z. That error is within the
  // tolerance of the noise, 4e-6 deviations, unless the mean is many deviations from 0, or z may
  // have overflowed. In that case the bound is negative; NaN does not satisfy it either.
  alignas(64) C deviation[kTileElements];
  int inaccurate = sizeof(T) < sizeof(C);
  for (int i = 0; i < count; ++i) {
    deviation[i] = Exp(C{0.5} * Load(log_variance[i]));
    const C bound = C{64} * deviation[i] * (C{1} - deviation[i] * C{1e-36f});
    inaccurate |= !(Magnitude(Load(mean[i])) <= bound);
  }

  alignas(64) T results[2][kTileElements];
  // Memory that was just read is already in the caches.
  T* mean_gradient = stream_results && tensors.mean_gradient != tensors.z_gradient
                         ? results[0]
                         : tensors.mean_gradient + tile.begin;
  T* log_variance_gradient = stream_results && tensors.log_variance_gradient != tensors.z
                                 ? results[1]
                                 : tensors.log_variance_gradient + tile.begin;

  if (shape.samples == 1 && !inaccurate) {
    const T* z = tensors.z + tile.begin;
    const T* z_gradient = tensors.z_gradient + tile.begin;
    TFAE_INDEPENDENT
    for (int i = 0; i < count; ++i) {
      const C gradient = Load(z_gradient[i]);
      StoreGradients(gradient, gradient * (Load(z[i]) - Load(mean[i])), kl_gradient[i],
                     Load(mean[i]), deviation[i], &mean_gradient[i], &log_variance_gradient[i]);
    }
  } else {
    alignas(64) float buffer[4 * kTileBlocks];
    alignas(64) C step[kTileElements];
    alignas(64) C gradient_sum[kTileElements] = {};
    alignas(64) C step_sum[kTileElements] = {};
    for (int64_t sample = 0; sample < shape.samples; ++sample) {
      const int64_t begin = sample * shape.rows * shape.columns + tile.begin;
      if (inaccurate) {
        const float* noise = DrawNoise(tensors.noise, begin, count, buffer);
        for (int i = 0; i < count; ++i) step[i] = noise[i];
      } else {
        for (int i = 0; i < count; ++i) step[i] = Load(tensors.z[begin + i]) - Load(mean[i]);
      }
      for (int i = 0; i < count; ++i) {
        const C gradient = Load(tensors.z_gradient[begin + i]);
        gradient_sum[i] += gradient;
        step_sum[i] += gradient * step[i];
      }
    }
    if (inaccurate) {
      for (int i = 0; i < count; ++i) step_sum[i] *= deviation[i];
    }
    TFAE_INDEPENDENT
    for (int i = 0; i < count; ++i) {
      StoreGradients(gradient_sum[i], step_sum[i], kl_gradient[i], Load(mean[i]), deviation[i],
                     &mean_gradient[i], &log_variance_gradient[i]);
    }
  }
  if (mean_gradient == results[0]) Stream(results[0], count, tensors.mean_gradient + tile.begin);
  if (log_variance_gradient == results[1]) {
    Stream(results[1], count, tensors.log_variance_gradient + tile.begin);
  }
}

#undef TFAE_TARGET
#undef TFAE_LANES
#undef TFAE_MULTIPLY
#undef TFAE_STREAM
