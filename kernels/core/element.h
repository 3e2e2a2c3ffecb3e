// The types of a tensor's elements, and the arithmetic on them that the kernels need.

#ifndef TFAE_KERNELS_CORE_ELEMENT_H_
#define TFAE_KERNELS_CORE_ELEMENT_H_

#include <cmath>
#include <cstdint>

#include "kernels/core/philox.h"

namespace tfae {

// 16-bit numbers, for storage only. GPUs convert them with instructions, which may turn a NaN into
// another NaN.
struct Half {
  uint16_t bits;
};
struct Bfloat16 {
  uint16_t bits;
};

// The type in which a kernel computes, also the type of KL divergences.
template <typename T>
struct ComputeTypeOf {
  using Type = float;
};
template <>
struct ComputeTypeOf<double> {
  using Type = double;
};
template <typename T>
using ComputeType = typename ComputeTypeOf<T>::Type;

TFAE_INLINE float Load(float value) { return value; }
TFAE_INLINE double Load(double value) { return value; }
TFAE_INLINE float Load(Bfloat16 value) { return FloatOfBits(uint32_t{value.bits} << 16); }

TFAE_INLINE float Load(Half value) {
#if defined(__CUDA_ARCH__)
  float result;
  asm("cvt.f32.f16 %0, %1;" : "=f"(result) : "h"(value.bits));
  return result;
#else
  const uint32_t sign = (value.bits & 0x8000u) << 16;
  const uint32_t shifted = (value.bits & 0x7FFFu) << 13;
  const uint32_t exponent = shifted & 0x0F800000;
  const uint32_t rebias = 112u << 23;
  // A subnormal half is a normal float. The subtraction has no subnormal operand, since
  // TensorFlow's threads treat subnormal numbers as zero.
  const uint32_t smallest = 113u << 23;
  const uint32_t subnormal =
      BitsOfFloat(FloatOfBits(shifted + smallest) - FloatOfBits(smallest));
  const uint32_t normal = shifted + rebias;
  const uint32_t infinite = normal + rebias;
  return FloatOfBits(sign | (exponent == 0 ? subnormal
                                           : exponent == 0x0F800000 ? infinite : normal));
#endif
}

TFAE_INLINE void Store(float value, float* target) { *target = value; }
TFAE_INLINE void Store(double value, double* target) { *target = value; }

// Rounds to the nearest number, ties to even.
TFAE_INLINE void Store(float value, Bfloat16* target) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(target->bits) : "f"(value));
#else
  const uint32_t bits = BitsOfFloat(value);
  const uint32_t rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
  const bool nan = (bits & 0x7FFFFFFF) > 0x7F800000;
  target->bits = static_cast<uint16_t>(nan ? (bits >> 16) | 0x40 : rounded);
#endif
}

TFAE_INLINE void Store(float value, Half* target) {
#if defined(__CUDA_ARCH__)
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(target->bits) : "f"(value));
#else
  const uint32_t sign = BitsOfFloat(value) & 0x80000000;
  const uint32_t bits = BitsOfFloat(value) ^ sign;
  const uint32_t normal = (bits - (112u << 23) + 0xFFF + ((bits >> 13) & 1)) >> 13;
  // Adding 1/2 leaves a subnormal half, rounded, in the lowest bits.
  const uint32_t half = 126u << 23;
  const uint32_t subnormal = BitsOfFloat(FloatOfBits(bits) + FloatOfBits(half)) - half;
  const uint32_t infinite = bits > 0x7F800000 ? 0x7E00 : 0x7C00;
  const uint32_t magnitude =
      bits >= (143u << 23) ? infinite : bits < (113u << 23) ? subnormal : normal;
  target->bits = static_cast<uint16_t>(magnitude | sign >> 16);
#endif
}

TFAE_INLINE float Magnitude(float x) { return FloatOfBits(BitsOfFloat(x) & 0x7FFFFFFF); }
TFAE_INLINE double Magnitude(double x) { return std::fabs(x); }

TFAE_INLINE double Exp(double x) { return std::exp(x); }

TFAE_INLINE int32_t Least(int32_t a, int32_t b) { return a < b ? a : b; }

// Accurate to 1 ulp; 0 for x below about -86.9, where the result is (almost) subnormal.
TFAE_INLINE float Exp(float x) {
#if defined(__CUDA_ARCH__)
  return expf(x);  // half as many instructions; accurate to 2 ulp, subnormal results included
#else
  // x = n * log(2) + r. Adding `shift` rounds n to an integer, in the lowest bits. n is at least
  // -126, for which the power of 2 below is 0, and at most 128; above that, r may be large and the
  // product below infinite. NaN passes the first bound, and stays in r at the second. (philox.h
  // says why masks are used.)
  const uint32_t low = -static_cast<uint32_t>(x < -87.0f);
  const float bounded = FloatOfBits((BitsOfFloat(x) & ~low) | (0xC2AE0000 & low));  // bits of -87
  const float shift = 12582912.0f;
  const int32_t most = 0x4B400080;  // the bits of shift + 128
  const int32_t sum = static_cast<int32_t>(BitsOfFloat(bounded * 1.4426950409f + shift));
  const uint32_t shifted = static_cast<uint32_t>(Least(sum, most));
  const float n = FloatOfBits(shifted) - shift;
  const float r = (bounded - n * 0.693359375f) + n * 2.12194440e-4f;
  // 2 exp(r) times 2^(n - 1), since 2^n overflows before the product does.
  float p = 2.7629192e-3f;
  p = p * r + 1.67374342e-2f;
  p = p * r + 8.33367762e-2f;
  p = p * r + 0.3333304126f;
  p = p * r + 0.999999869f;
  p = p * r + 2.0f;
  p = p * r + 2.0f;
  return p * FloatOfBits((shifted << 23) + (126u << 23));
#endif
}

}  // namespace tfae

#endif  // TFAE_KERNELS_CORE_ELEMENT_H_
