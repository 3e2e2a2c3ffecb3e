#include "kernels/core/test_noise.h"

void tfae::DrawTestBlockOfNvcc(const PhiloxStream& stream, uint32_t block, float noise[4]) {
  DrawTestBlock(stream, block, noise);
}
