#include "kernels/core/gaussian_sample_kl.h"

#include <gtest/gtest.h>

#include "kernels/core/test_pool.h"
#include "kernels/core/test_problem.h"

namespace tfae {
namespace {

template <typename T>
class ElementTypes : public testing::Test {};
using AllElementTypes = testing::Types<float, double, Half, Bfloat16>;
TYPED_TEST_SUITE(ElementTypes, AllElementTypes);

TYPED_TEST(ElementTypes, ResultsDoNotDependOnTheNumberOfThreads) {
  TestPool one(1), four(4);
  for (const SampleShape& shape : {SampleShape{1, 999, 65}, SampleShape{3, 1000, 21},
                                   SampleShape{1, 2, 70001}, SampleShape{1, 100000, 1}}) {
    Problem<TypeParam> alone(shape);
    alone.Run();
    for (TestPool* pool : {&one, &four}) {
      CpuDevice device;
      device.threads = pool->threads();
      for (int repetition = 0; repetition < 3; ++repetition) {
        Problem<TypeParam> shared(shape);
        shared.Run(device);
        EXPECT_TRUE(SameBits(shared.z, alone.z));
        EXPECT_TRUE(SameBits(shared.kl, alone.kl));
        EXPECT_TRUE(SameBits(shared.mean_gradient, alone.mean_gradient));
        EXPECT_TRUE(SameBits(shared.log_variance_gradient, alone.log_variance_gradient));
      }
    }
  }
}

}  // namespace
}  // namespace tfae
