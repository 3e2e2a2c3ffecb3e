// The noise: the Philox 4x32-10 generator of Salmon et al., "Parallel Random Numbers: As Easy as
// 1, 2, 3" (2011), and the transform of Box and Muller (1958), as TensorFlow's CPU kernel of
// stateless_normal uses them. Element i of a tensor is word i % 4 of block i / 4, so any part of
// the noise can be drawn at any time and in any order.
//
// Scalar code for one thread of a GPU or one lane of a CPU vector. It has no branches, so that
// compilers can vectorise loops over it, and selects between floats with masks, since compilers may
// turn a conditional expression into a branch or compute both sides.

#ifndef TFAE_KERNELS_CORE_PHILOX_H_
#define TFAE_KERNELS_CORE_PHILOX_H_

#include <math.h>

#include <cstdint>
#include <cstring>

#if defined(__CUDACC__)
#define TFAE_INLINE __host__ __device__ __forceinline__
#else
#define TFAE_INLINE inline __attribute__((always_inline))
// A square root that may set errno is a function call, which prevents vectorising loops around it.
extern "C" float sqrtf(float) noexcept __attribute__((const));
#endif

namespace tfae {

constexpr uint32_t kPhiloxMultiplier0 = 0xD2511F53;
constexpr uint32_t kPhiloxMultiplier1 = 0xCD9E8D57;
constexpr uint32_t kPhiloxKeyStep0 = 0x9E3779B9;
constexpr uint32_t kPhiloxKeyStep1 = 0xBB67AE85;
constexpr int kPhiloxRounds = 10;

// One stream of noise: the key, and the upper half of the 128-bit counter. The lower half counts
// blocks.
struct PhiloxStream {
  uint32_t key[2];
  uint32_t counter[2];
};

// Replaces a counter by the four random words of its block.
TFAE_INLINE void PhiloxBlock(uint32_t key0, uint32_t key1, uint32_t words[4]) {
  for (int round = 0; round < kPhiloxRounds; ++round) {
    const uint64_t product0 = uint64_t{kPhiloxMultiplier0} * words[0];
    const uint64_t product1 = uint64_t{kPhiloxMultiplier1} * words[2];
    words[0] = static_cast<uint32_t>(product1 >> 32) ^ words[1] ^ key0;
    words[1] = static_cast<uint32_t>(product1);
    words[2] = static_cast<uint32_t>(product0 >> 32) ^ words[3] ^ key1;
    words[3] = static_cast<uint32_t>(product0);
    key0 += kPhiloxKeyStep0;
    key1 += kPhiloxKeyStep1;
  }
}

// The stream for a seed of TensorFlow's stateless random ops. Its two words are scrambled, so that
// similar seeds give unrelated streams.
TFAE_INLINE PhiloxStream StreamOfSeed(uint64_t seed0, uint64_t seed1) {
  uint32_t words[4] = {static_cast<uint32_t>(seed0), static_cast<uint32_t>(seed0 >> 32),
                       static_cast<uint32_t>(seed1), static_cast<uint32_t>(seed1 >> 32)};
  PhiloxBlock(0x3EC8F720, 0x02461E29, words);
  return {{words[0], words[1]}, {words[2], words[3]}};
}

TFAE_INLINE float FloatOfBits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

TFAE_INLINE uint32_t BitsOfFloat(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof(bits));
  return bits;
}

TFAE_INLINE int32_t Greatest(int32_t a, int32_t b) { return a > b ? a : b; }

// -2 log(x) of a positive normal number, with a relative error of 1e-7.
TFAE_INLINE float MinusTwoLog(float x) {
  // x = 2^exponent * (1 + t), where 1 + t lies in [sqrt(1/2), sqrt(2)).
  const uint32_t bits = BitsOfFloat(x);
  const int32_t exponent = static_cast<int32_t>(bits - 0x3F3504F3) >> 23;
  const float t = FloatOfBits(bits - (static_cast<uint32_t>(exponent) << 23)) - 1.0f;
  float p = -0.17469500969f;
  p = p * t + 0.28614966039f;
  p = p * t - 0.29835977618f;
  p = p * t + 0.33141028155f;
  p = p * t - 0.39924142563f;
  p = p * t + 0.50003510027f;
  p = p * t - 0.66667900478f;
  p = p * t + 0.99999983216f;
  p = p * t - 2.0f;
  return p * t + static_cast<float>(exponent) * -1.3862943611f;
}

// Two standard normal numbers from the lower 23 bits of each of two random words.
TFAE_INLINE void BoxMuller(uint32_t word0, uint32_t word1, float* normal0, float* normal1) {
  // TensorFlow sets 1e-7 as the minimum of the first uniform number. Non-negative floats have the
  // same order as their bits, and every processor has an integer maximum.
  const float uniform = static_cast<float>(static_cast<int32_t>(word0 & 0x7FFFFF)) * 0x1p-23f;
  const int32_t uniform_bits = static_cast<int32_t>(BitsOfFloat(uniform));
  const int32_t least_bits = 0x33D6BF95;  // of 1e-7
  const float positive = FloatOfBits(Greatest(uniform_bits, least_bits));
  const float radius = sqrtf(MinusTwoLog(positive));

  // The second is an angle in turns. It is split, without rounding, into quarter turns and a rest
  // of at most half a quarter turn.
  const int32_t turn = static_cast<int32_t>(word1 & 0x7FFFFF);
  const int32_t quarters = (turn + (1 << 20)) >> 21;
  const float x = static_cast<float>(turn - (quarters << 21)) * (6.283185307f * 0x1p-23f);
  const float x2 = x * x;
  const float sine =
      ((-1.9517233607e-4f * x2 + 8.3321776765e-3f) * x2 - 0.16666654936f) * (x2 * x) + x;
  const float cosine = ((-1.3597764e-3f * x2 + 0.0416562904f) * x2 - 0.4999989472f) * x2 + 1.0f;

  // A quarter turn takes (sine, cosine) to (cosine, -sine).
  const uint32_t odd = -static_cast<uint32_t>(quarters & 1);
  const uint32_t swap = (BitsOfFloat(sine) ^ BitsOfFloat(cosine)) & odd;
  const uint32_t sine_sign = static_cast<uint32_t>(quarters & 2) << 30;
  const uint32_t cosine_sign = static_cast<uint32_t>((quarters + 1) & 2) << 30;
  *normal0 = radius * FloatOfBits(BitsOfFloat(sine) ^ swap ^ sine_sign);
  *normal1 = radius * FloatOfBits(BitsOfFloat(cosine) ^ swap ^ cosine_sign);
}

}  // namespace tfae

#endif  // TFAE_KERNELS_CORE_PHILOX_H_
