// nvcc compiles philox.h for GPUs. Its code for the CPU must agree with the C++ compiler's.

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
