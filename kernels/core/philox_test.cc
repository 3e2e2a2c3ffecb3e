#include "kernels/core/philox.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

namespace tfae {
namespace {

using Words = std::array<uint32_t, 4>;

Words Block(uint32_t key0, uint32_t key1, Words counter) {
  PhiloxBlock(key0, key1, counter.data());
  return counter;
}

// The vectors that Salmon et al. publish with their code (kat_vectors of Random123).
TEST(PhiloxBlock, GivesTheKnownAnswers) {
  EXPECT_EQ(Block(0, 0, {0, 0, 0, 0}), (Words{0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8}));
  const uint32_t ones = 0xFFFFFFFF;
  EXPECT_EQ(Block(ones, ones, {ones, ones, ones, ones}),
            (Words{0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD}));
  EXPECT_EQ(Block(0xA4093822, 0x299F31D0, {0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344}),
            (Words{0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1}));
}

// tf.random.stateless_uniform([8], seed, minval=None, maxval=None, dtype="uint32", alg="philox").
TEST(StreamOfSeed, IsTensorFlowsStream) {
  struct Case {
    int64_t seed[2];
    std::array<Words, 2> blocks;
  };
  const Case cases[] = {
      {{1, 2},
       {{{1105988140, 1738052849, 3959391294, 370444179},
         {10670227, 4048756165, 1066250331, 587749182}}}},
      {{-5, (int64_t{1} << 40) + 7},
       {{{4275853201, 451753810, 1334661465, 1670509570},
         {2785335730, 3308463947, 932182332, 1052200306}}}},
  };
  for (const Case& expected : cases) {
    const PhiloxStream stream = StreamOfSeed(expected.seed[0], expected.seed[1]);
    for (uint32_t i = 0; i < 2; ++i) {
      EXPECT_EQ(Block(stream.key[0], stream.key[1], {i, 0, stream.counter[0], stream.counter[1]}),
                expected.blocks[i]);
    }
  }
}

TEST(BoxMuller, IsAccurateForEveryFirstUniformNumber) {
  const double pi = std::acos(-1.0);
  double worst = 0;
  for (uint32_t word0 = 0; word0 < (1u << 23); word0 += 3) {
    const uint32_t word1 = word0 * 2654435761u;
    float sine, cosine;
    BoxMuller(word0 | 0xFF800000, word1, &sine, &cosine);  // the upper bits do not count
    const double uniform = std::max(word0 * 0x1p-23, double{1e-7f});
    const double radius = std::sqrt(-2 * std::log(uniform));
    const double angle = 2 * pi * (word1 & 0x7FFFFF) * 0x1p-23;
    worst = std::max(worst, std::fabs(sine - radius * std::sin(angle)));
    worst = std::max(worst, std::fabs(cosine - radius * std::cos(angle)));
  }
  EXPECT_LT(worst, 1e-6);
}

TEST(BoxMuller, IsExactAtQuarterTurns) {
  const uint32_t word0 = 1 << 20;
  const float radius = std::sqrt(-2 * std::log(0.125f));
  const float expected[4][2] = {{0, radius}, {radius, 0}, {0, -radius}, {-radius, 0}};
  for (uint32_t quarter = 0; quarter < 4; ++quarter) {
    float sine, cosine;
    BoxMuller(word0, quarter << 21, &sine, &cosine);
    EXPECT_FLOAT_EQ(sine, expected[quarter][0]);
    EXPECT_FLOAT_EQ(cosine, expected[quarter][1]);
  }
}

}  // namespace
}  // namespace tfae
