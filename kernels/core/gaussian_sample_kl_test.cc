#include "kernels/core/gaussian_sample_kl.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "kernels/core/test_problem.h"

namespace tfae {
namespace {

class InstructionSets : public testing::TestWithParam<InstructionSet> {
 protected:
  void SetUp() override {
    device_.instruction_set = GetParam();
    if (GetParam() > BestInstructionSet()) GTEST_SKIP() << "this processor does not have it";
  }

  CpuDevice device_;
};

INSTANTIATE_TEST_SUITE_P(All, InstructionSets,
                         testing::Values(InstructionSet::kBaseline, InstructionSet::kAvx2,
                                         InstructionSet::kAvx512),
                         [](const auto& info) {
                           return std::string(info.param == InstructionSet::kBaseline ? "Baseline"
                                              : info.param == InstructionSet::kAvx2   ? "Avx2"
                                                                                      : "Avx512");
                         });

TEST_P(InstructionSets, KeepTheContractInFloat) {
  for (const SampleShape& shape : kShapes) {
    Problem<float> problem(shape);
    problem.Run(device_);
    ExpectContract(problem, 4e-6);
  }
}

TEST_P(InstructionSets, KeepTheContractInDouble) {
  for (const SampleShape& shape : kShapes) {
    Problem<double> problem(shape);
    problem.Run(device_);
    ExpectContract(problem, 4e-6);  // the accuracy of the noise
  }
}

TEST_P(InstructionSets, KeepTheContractInHalf) {
  for (const SampleShape& shape : kShapes) {
    Problem<Half> problem(shape);
    problem.Run(device_);
    ExpectContract(problem, 0.5 * 0x1p-10);
  }
}

TEST_P(InstructionSets, KeepTheContractInBfloat16) {
  for (const SampleShape& shape : kShapes) {
    Problem<Bfloat16> problem(shape);
    problem.Run(device_);
    ExpectContract(problem, 0.5 * 0x1p-7);
  }
}

// Long enough to be streamed past the caches, and to end within a vector.
TEST_P(InstructionSets, KeepTheContractForLargeTensors) {
  Problem<float> problem({1, 21, 100003});
  problem.Run(device_);
  ExpectContract(problem, 4e-6);
}

TEST_P(InstructionSets, GradientsStayAccurateWhereTheMeanIsManyDeviationsFromZero) {
  Problem<float> problem({1, 4, 1000});
  for (size_t i = 0; i < problem.mean.size(); i += 7) {
    problem.mean[i] = 1000;
    problem.log_variance[i] = -12;
  }
  problem.Run(device_);
  for (size_t i = 0; i < problem.mean.size(); i += 7) {
    const double upstream = problem.kl_gradient[i / 1000];
    const double expected = 0.5 * (problem.z_gradient[i] * std::exp(-6.0) * NoiseAt(i) +
                                   upstream * (std::exp(-12.0) - 1));
    EXPECT_NEAR(problem.log_variance_gradient[i], expected, 1e-6 * std::fabs(expected));
  }
}

template <typename T>
class ElementTypes : public testing::Test {};
using AllElementTypes = testing::Types<float, double, Half, Bfloat16>;
TYPED_TEST_SUITE(ElementTypes, AllElementTypes);

TYPED_TEST(ElementTypes, GradientsMayTakeTheMemoryOfTheirInputs) {
  for (const SampleShape& shape : {SampleShape{1, 50, 33}, SampleShape{1, 11, 100003}}) {
    Problem<TypeParam> apart(shape);
    apart.Run();
    Problem<TypeParam> p(shape);
    GaussianSampleKlGradient<TypeParam>(
        kOneThread, shape,
        {p.mean.data(), p.log_variance.data(), kStream, apart.z.data(), p.z_gradient.data(),
         p.kl_gradient.data(), p.z_gradient.data(), apart.z.data()});
    EXPECT_TRUE(SameBits(p.z_gradient, apart.mean_gradient));
    EXPECT_TRUE(SameBits(apart.z, apart.log_variance_gradient));
  }
}

TYPED_TEST(ElementTypes, EmptyTensorsAreNoProblem) {
  Problem<TypeParam>({1, 0, 5}).Run();
  Problem<TypeParam>({3, 0, 0}).Run();
  Problem<TypeParam> no_columns({2, 4, 0});
  std::fill(no_columns.kl.begin(), no_columns.kl.end(), 1);
  no_columns.Run();
  EXPECT_EQ(no_columns.kl, (std::vector<ComputeType<TypeParam>>(4, 0)));
}

// tf.random.stateless_normal([8], seed, alg="philox").
TEST(GaussianSampleKl, DrawsTheNoiseOfTensorFlow) {
  const float expected[8] = {0.544110119342804f,   0.20738030970096588f, 0.0735643208026886f,
                             0.04643455147743225f, -1.301589846611023f,  -0.9538565278053284f,
                             0.8417285680770874f,  1.9396867752075195f};
  std::vector<float> zeros(8), z(8), kl(1);
  GaussianSampleKl<float>(kOneThread, {1, 1, 8},
                          {zeros.data(), zeros.data(), StreamOfSeed(1, 2), z.data(), kl.data()});
  for (int i = 0; i < 8; ++i) EXPECT_NEAR(z[i], expected[i], 1e-6);
  EXPECT_EQ(kl[0], 0);
}

TEST(GaussianSampleKl, ExtremeValuesGiveWhatTheFormulaGives) {
  const float infinity = std::numeric_limits<float>::infinity();
  const float nan = std::nanf("");
  const std::vector<float> mean = {0, 0, 0, 0, infinity, nan, 1e20f};
  const std::vector<float> log_variance = {200, -300, -infinity, nan, 0, 0, 0};
  const int64_t count = mean.size();
  std::vector<float> z(count), kl(count), one(count, 1), mean_gradient(count),
      log_variance_gradient(count);
  GaussianSampleKl<float>(
      kOneThread, {1, count, 1}, {mean.data(), log_variance.data(), kStream, z.data(), kl.data()});
  GaussianSampleKlGradient<float>(
      kOneThread, {1, count, 1},
      {mean.data(), log_variance.data(), kStream, z.data(), one.data(), one.data(),
       mean_gradient.data(), log_variance_gradient.data()});

  EXPECT_EQ(z[0], std::copysign(infinity, NoiseAt(0)));
  EXPECT_EQ(kl[0], infinity);
  EXPECT_EQ(z[1], 0);
  EXPECT_FLOAT_EQ(kl[1], 149.5);
  EXPECT_EQ(log_variance_gradient[1], -0.5);
  EXPECT_EQ(z[2], 0);
  EXPECT_EQ(kl[2], infinity);
  EXPECT_TRUE(std::isnan(z[3]) && std::isnan(kl[3]) && std::isnan(log_variance_gradient[3]));
  EXPECT_EQ(mean_gradient[3], 1);
  EXPECT_TRUE(z[4] == infinity && kl[4] == infinity && mean_gradient[4] == infinity);
  EXPECT_FLOAT_EQ(log_variance_gradient[4], 0.5f * NoiseAt(4));
  EXPECT_TRUE(std::isnan(z[5]) && std::isnan(kl[5]) && std::isnan(mean_gradient[5]));
  EXPECT_FLOAT_EQ(log_variance_gradient[5], 0.5f * NoiseAt(5));
  EXPECT_FLOAT_EQ(z[6], 1e20f);
  EXPECT_EQ(kl[6], infinity);
  EXPECT_FLOAT_EQ(log_variance_gradient[6], 0.5f * NoiseAt(6));
}

}  // namespace
}  // namespace tfae
