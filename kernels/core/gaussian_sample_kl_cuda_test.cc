// The kernels for GPUs, run on the CPU: their results, their memory accesses (under sanitizers) and
// their synchronisation. Tests that need a GPU are in tests/gpu.

#include "kernels/core/test_cuda.h"
// After it, as C++:
#include "kernels/core/gaussian_sample_kl_cuda.cu"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "kernels/core/test_problem.h"

namespace tfae {
namespace {

const DeviceSeed kWide = {kSeed, true};

template <typename T>
struct Tolerance {
  static constexpr double kValue = 4e-6;  // the noise is float for double too
};
template <>
struct Tolerance<Half> {
  static constexpr double kValue = 0.5 * 0x1p-10;
};
template <>
struct Tolerance<Bfloat16> {
  static constexpr double kValue = 0.5 * 0x1p-7;
};

template <typename T>
void RunCuda(Problem<T>* problem, const ForwardTensors<T, DeviceSeed>& forward,
             const BackwardTensors<T, DeviceSeed>& backward) {
  // Exactly as large as necessary, so that a sanitizer sees accesses outside.
  std::vector<char> workspace(WorkspaceBytes<T>(problem->shape));
  const CudaDevice device = {nullptr, workspace.data()};
  EXPECT_EQ(GaussianSampleKl<T>(device, problem->shape, forward), nullptr);
  EXPECT_EQ(GaussianSampleKlGradient<T>(device, problem->shape, backward), nullptr);
}

template <typename T>
void RunCuda(Problem<T>* problem) {
  RunCuda<T>(problem, problem->Forward(kWide), problem->Backward(kWide));
}

template <typename T>
class CudaElementTypes : public testing::Test {};
using AllElementTypes = testing::Types<float, double, Half, Bfloat16>;
TYPED_TEST_SUITE(CudaElementTypes, AllElementTypes);

TYPED_TEST(CudaElementTypes, KeepTheContract) {
  for (const SampleShape& shape : kShapes) {
    SCOPED_TRACE(testing::Message() << shape.samples << "x" << shape.rows << "x" << shape.columns);
    Problem<TypeParam> problem(shape);
    RunCuda(&problem);
    ExpectContract(problem, Tolerance<TypeParam>::kValue);
  }
}

// Shapes for every path of the plan, of whole groups and in between.
TYPED_TEST(CudaElementTypes, KeepTheContractOnEveryPath) {
  const SampleShape shapes[] = {
      {1, 33, 8},     {1, 9, 16},     {4, 5, 24},      {1, 3, 128},    {1, 600, 200},
      {1, 2, 2048},   {1, 2, 16384},  {1, 1, 16387},   {1, 3, 33001},  {2, 2, 16384},
      {7, 1, 16389},  {1, 17000, 1},  {600, 1, 12},   {1, 5000, 32},
  };
  for (const SampleShape& shape : shapes) {
    SCOPED_TRACE(testing::Message() << shape.samples << "x" << shape.rows << "x" << shape.columns);
    Problem<TypeParam> problem(shape);
    RunCuda(&problem);
    ExpectContract(problem, Tolerance<TypeParam>::kValue);
  }
}

TYPED_TEST(CudaElementTypes, AgreeWithTheCpu) {
  for (const SampleShape& shape : {SampleShape{1, 50, 33}, SampleShape{3, 40, 64}}) {
    Problem<TypeParam> cpu(shape), cuda(shape);
    cpu.Run();
    RunCuda(&cuda);
    const double tolerance = std::max(1e-5, Tolerance<TypeParam>::kValue);
    for (size_t i = 0; i < cpu.z.size(); ++i) {
      const double value = Load(cpu.z[i]);
      ASSERT_NEAR(Load(cuda.z[i]), value, tolerance * (1 + std::fabs(value)));
    }
    for (size_t i = 0; i < cpu.kl.size(); ++i) ASSERT_NEAR(cuda.kl[i], cpu.kl[i], 1e-6 * 100);
  }
}

TYPED_TEST(CudaElementTypes, ResultsDoNotDependOnWhichThreadRunsFirst) {
  EmulatedGpu& gpu = EmulatedGpu::Get();
  for (const SampleShape& shape :
       {SampleShape{1, 70, 20}, SampleShape{2, 3, 4097}, SampleShape{1, 2, 16384}}) {
    Problem<TypeParam> first(shape), last(shape);
    RunCuda(&first);
    gpu.last_thread_first = true;
    RunCuda(&last);
    gpu.last_thread_first = false;
    EXPECT_TRUE(SameBits(first.z, last.z));
    EXPECT_TRUE(SameBits(first.kl, last.kl));
    EXPECT_TRUE(SameBits(first.mean_gradient, last.mean_gradient));
    EXPECT_TRUE(SameBits(first.log_variance_gradient, last.log_variance_gradient));
  }
}

TYPED_TEST(CudaElementTypes, GradientsMayTakeTheMemoryOfTheirInputs) {
  for (const SampleShape& shape : {SampleShape{1, 50, 33}, SampleShape{1, 11, 1024}}) {
    Problem<TypeParam> apart(shape), shared(shape);
    RunCuda(&apart);
    BackwardTensors<TypeParam, DeviceSeed> backward = shared.Backward(kWide);
    backward.mean_gradient = shared.z_gradient.data();
    backward.log_variance_gradient = shared.z.data();
    RunCuda(&shared, shared.Forward(kWide), backward);
    EXPECT_TRUE(SameBits(shared.z_gradient, apart.mean_gradient));
    EXPECT_TRUE(SameBits(shared.z, apart.log_variance_gradient));
  }
}

TYPED_TEST(CudaElementTypes, TensorsMayLieAnywhere) {
  const SampleShape shape = {1, 9, 64};
  Problem<TypeParam> aligned(shape), shifted(shape);
  RunCuda(&aligned);
  auto shift = [](auto& tensor) {
    tensor.insert(tensor.begin(), tensor[0]);
    return tensor.data() + 1;
  };
  BackwardTensors<TypeParam, DeviceSeed> b = shifted.Backward(kWide);
  b.mean = shift(shifted.mean);
  b.log_variance = shift(shifted.log_variance);
  b.z_gradient = shift(shifted.z_gradient);
  b.mean_gradient = shift(shifted.mean_gradient);
  b.log_variance_gradient = shift(shifted.log_variance_gradient);
  TypeParam* z = shift(shifted.z);
  RunCuda(&shifted, {b.mean, b.log_variance, kWide, z, shifted.kl.data()}, b);
  shifted.z.erase(shifted.z.begin());
  shifted.mean_gradient.erase(shifted.mean_gradient.begin());
  shifted.log_variance_gradient.erase(shifted.log_variance_gradient.begin());
  EXPECT_TRUE(SameBits(shifted.z, aligned.z));
  EXPECT_TRUE(SameBits(shifted.kl, aligned.kl));
  EXPECT_TRUE(SameBits(shifted.mean_gradient, aligned.mean_gradient));
  EXPECT_TRUE(SameBits(shifted.log_variance_gradient, aligned.log_variance_gradient));
}

TYPED_TEST(CudaElementTypes, EmptyTensorsAreNoProblem) {
  for (const SampleShape& shape : {SampleShape{1, 0, 5}, SampleShape{3, 0, 0}}) {
    Problem<TypeParam> problem(shape);
    RunCuda(&problem);
  }
  Problem<TypeParam> no_columns({2, 4, 0});
  std::fill(no_columns.kl.begin(), no_columns.kl.end(), 1);
  RunCuda(&no_columns);
  EXPECT_EQ(no_columns.kl, (std::vector<ComputeType<TypeParam>>(4, 0)));
}

TEST(Cuda, SeedsOfBothWidthsGiveTheSameNoise) {
  const int32_t words[2] = {static_cast<int32_t>(kSeed[0]), static_cast<int32_t>(kSeed[1])};
  Problem<float> wide({1, 3, 10}), narrow({1, 3, 10});
  RunCuda(&wide);
  const DeviceSeed seed = {words, false};
  RunCuda(&narrow, narrow.Forward(seed), narrow.Backward(seed));
  EXPECT_TRUE(SameBits(wide.z, narrow.z));
}

TEST(Cuda, ExtremeValuesGiveWhatTheCpuGives) {
  const float infinity = std::numeric_limits<float>::infinity();
  const float nan = std::nanf("");
  const std::vector<float> means = {0, 0, 0, 0, infinity, nan, 1e20f, -infinity};
  const std::vector<float> log_variances = {200, -300, -infinity, nan, 0, 0, 0, infinity};
  const SampleShape shape = {1, static_cast<int64_t>(means.size()), 1};
  Problem<float> cpu(shape), cuda(shape);
  for (Problem<float>* problem : {&cpu, &cuda}) {
    problem->mean = means;
    problem->log_variance = log_variances;
  }
  cpu.Run();
  RunCuda(&cuda);
  auto expect_near = [](const std::vector<float>& actual, const std::vector<float>& expected) {
    for (size_t i = 0; i < expected.size(); ++i) {
      if (std::isnan(expected[i])) {
        EXPECT_TRUE(std::isnan(actual[i])) << i;
      } else {
        EXPECT_FLOAT_EQ(actual[i], expected[i]) << i;
      }
    }
  };
  expect_near(cuda.z, cpu.z);
  expect_near(cuda.kl, cpu.kl);
  expect_near(cuda.mean_gradient, cpu.mean_gradient);
  expect_near(cuda.log_variance_gradient, cpu.log_variance_gradient);
}

TEST(Cuda, OnlyFewLongRowsNeedAWorkspaceAndASecondStage) {
  EmulatedGpu& gpu = EmulatedGpu::Get();
  for (const auto& [shape, stages] : {std::pair{SampleShape{1, 4, 1024}, 1},
                                      std::pair{SampleShape{1, 1, 16384}, 2}}) {
    EXPECT_EQ(WorkspaceBytes<float>(shape) > 0, stages == 2);
    Problem<float> problem(shape);
    const int64_t before = gpu.launches;
    RunCuda(&problem);
    EXPECT_EQ(gpu.launches - before, stages + 1);
  }
}

}  // namespace
}  // namespace tfae
