// Noise for a test that compares two compilers.

#ifndef TFAE_KERNELS_CORE_TEST_NOISE_H_
#define TFAE_KERNELS_CORE_TEST_NOISE_H_

#include <cstdint>

#include "kernels/core/philox.h"

namespace tfae {

TFAE_INLINE void DrawTestBlock(const PhiloxStream& stream, uint32_t block, float noise[4]) {
  uint32_t words[4] = {block, 0, stream.counter[0], stream.counter[1]};
  PhiloxBlock(stream.key[0], stream.key[1], words);
  BoxMuller(words[0], words[1], &noise[0], &noise[1]);
  BoxMuller(words[2], words[3], &noise[2], &noise[3]);
}

// DrawTestBlock on the CPU, compiled by nvcc.
void DrawTestBlockOfNvcc(const PhiloxStream& stream, uint32_t block, float noise[4]);

}  // namespace tfae

#endif  // TFAE_KERNELS_CORE_TEST_NOISE_H_
