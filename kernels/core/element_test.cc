#include "kernels/core/element.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>

namespace tfae {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

template <typename T>
uint16_t BitsOf(float value) {
  T stored;
  Store(value, &stored);
  return stored.bits;
}

TEST(Exp, IsAccurateWhereTheResultIsNormal) {
  double worst = 0;
  for (float x = -86.9f; x < 88.72f; x += 1.3e-4f) {
    worst = std::max(worst, std::fabs(Exp(x) / std::exp(double{x}) - 1));
  }
  EXPECT_LT(worst, 1.2e-7);
}

TEST(Exp, EndsAsTheExponentialFunctionDoes) {
  EXPECT_EQ(Exp(0.0f), 1.0f);
  EXPECT_EQ(Exp(-87.5f), 0.0f);
  EXPECT_EQ(Exp(-1e30f), 0.0f);
  EXPECT_EQ(Exp(-kInfinity), 0.0f);
  EXPECT_EQ(Exp(88.8f), kInfinity);
  EXPECT_EQ(Exp(200.0f), kInfinity);
  EXPECT_EQ(Exp(1e30f), kInfinity);
  EXPECT_EQ(Exp(kInfinity), kInfinity);
  EXPECT_TRUE(std::isnan(Exp(std::nanf(""))));
  EXPECT_TRUE(std::isnan(Exp(-std::nanf(""))));
}

// Every 16-bit number rounds to itself, and the middle between two neighbours to the even one.
template <typename T>
void ExpectRoundTrips(uint16_t infinity) {
  for (uint32_t sign = 0; sign <= 0x8000; sign += 0x8000) {
    for (uint32_t bits = 0; bits < infinity; ++bits) {
      const T number = {static_cast<uint16_t>(bits | sign)};
      ASSERT_EQ(BitsOf<T>(Load(number)), number.bits);
      if (bits + 1 == infinity) continue;
      const T next = {static_cast<uint16_t>(number.bits + 1)};
      const float middle = static_cast<float>((double{Load(number)} + double{Load(next)}) / 2);
      ASSERT_EQ(BitsOf<T>(middle), bits % 2 == 0 ? number.bits : next.bits);
      ASSERT_EQ(BitsOf<T>(std::nextafter(middle, Load(number))), number.bits);
      ASSERT_EQ(BitsOf<T>(std::nextafter(middle, Load(next))), next.bits);
    }
  }
  EXPECT_EQ(BitsOf<T>(kInfinity), infinity);
  EXPECT_EQ(BitsOf<T>(-kInfinity), infinity | 0x8000);
  EXPECT_EQ(Load(T{infinity}), kInfinity);
  EXPECT_TRUE(std::isnan(Load(T{BitsOf<T>(std::nanf(""))})));
  EXPECT_TRUE(std::isnan(Load(T{static_cast<uint16_t>(infinity + 1)})));
}

TEST(Half, RoundTripsEveryNumber) { ExpectRoundTrips<Half>(0x7C00); }
TEST(Bfloat16, RoundTripsEveryNumber) { ExpectRoundTrips<Bfloat16>(0x7F80); }

TEST(Half, IsTheIeeeFormat) {
  EXPECT_EQ(Load(Half{0x3C00}), 1.0f);
  EXPECT_EQ(Load(Half{0xC000}), -2.0f);
  EXPECT_EQ(Load(Half{0x7BFF}), 65504.0f);
  EXPECT_EQ(Load(Half{0x0001}), 0x1p-24f);
  EXPECT_EQ(BitsOf<Half>(65520.0f), 0x7C00);  // rounds to 65536, which is too large
}

TEST(Bfloat16, IsTheUpperHalfOfAFloat) {
  EXPECT_EQ(Load(Bfloat16{0x3F80}), 1.0f);
  EXPECT_EQ(BitsOf<Bfloat16>(3.0e38f), 0x7F62);
}

}  // namespace
}  // namespace tfae
