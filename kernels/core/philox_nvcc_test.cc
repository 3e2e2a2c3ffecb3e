// philox.h is compiled for GPUs by another compiler. Where both compile for the CPU, they agree.

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>

#include "kernels/core/test_noise.h"

namespace tfae {
namespace {

TEST(Philox, IsTheSameFromNvccBitForBit) {
  const PhiloxStream stream = StreamOfSeed(3, -4);
  for (uint32_t block = 0; block < (1 << 20); ++block) {
    float ours[4], of_nvcc[4];
    DrawTestBlock(stream, block, ours);
    DrawTestBlockOfNvcc(stream, block, of_nvcc);
    ASSERT_EQ(memcmp(ours, of_nvcc, sizeof(ours)), 0) << "block " << block;
  }
}

}  // namespace
}  // namespace tfae
