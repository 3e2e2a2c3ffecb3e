// The C interface, with the kernels run on the CPU.

#include "kernels/core/test_cuda.h"
// After it, as C++:
#include "kernels/c/tfae_cuda.cc"
#include "kernels/core/gaussian_sample_kl_cuda.cu"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/core/test_problem.h"

namespace tfae {
namespace {

template <typename T>
void ExpectTheContract(int32_t type, double tolerance) {
  // The second shape needs a workspace.
  for (const SampleShape& shape : {SampleShape{3, 5, 7}, SampleShape{1, 1, 16384}}) {
    Problem<T> p(shape);
    std::vector<char> workspace(
        tfae_cuda_workspace_bytes(type, shape.samples, shape.rows, shape.columns));
    EXPECT_EQ(workspace.empty(), shape.columns == 7);
    EXPECT_EQ(tfae_cuda_gaussian_sample_kl(type, shape.samples, shape.rows, shape.columns,
                                           p.mean.data(), p.log_variance.data(), kSeed,
                                           p.z.data(), p.kl.data(),
                                           workspace.empty() ? nullptr : workspace.data(), nullptr),
              nullptr);
    EXPECT_EQ(tfae_cuda_gaussian_sample_kl_gradient(
                  type, shape.samples, shape.rows, shape.columns, p.mean.data(),
                  p.log_variance.data(), kSeed, p.z_gradient.data(), p.kl_gradient.data(),
                  p.mean_gradient.data(), p.log_variance_gradient.data(), nullptr),
              nullptr);
    ExpectContract(p, tolerance);
  }
}

TEST(CInterface, KeepsTheContractForEveryType) {
  ExpectTheContract<float>(TFAE_FLOAT32, 4e-6);
  ExpectTheContract<double>(TFAE_FLOAT64, 4e-6);
  ExpectTheContract<Half>(TFAE_FLOAT16, 0.5 * 0x1p-10);
  ExpectTheContract<Bfloat16>(TFAE_BFLOAT16, 0.5 * 0x1p-7);
}

std::string ErrorOfForward(int32_t type, int64_t rows, int64_t columns) {
  const char* error = tfae_cuda_gaussian_sample_kl(type, 1, rows, columns, nullptr, nullptr, kSeed,
                                                   nullptr, nullptr, nullptr, nullptr);
  return error == nullptr ? "" : error;
}

TEST(CInterface, SaysWhatIsWrong) {
  EXPECT_EQ(tfae_cuda_workspace_bytes(4, 1, 1, 1), -1);
  EXPECT_EQ(tfae_cuda_workspace_bytes(TFAE_FLOAT32, 1, -1, 1), -1);
  EXPECT_EQ(tfae_cuda_workspace_bytes(TFAE_FLOAT32, 0, 1, 1), -1);  // no sample: no divergence
  EXPECT_NE(ErrorOfForward(4, 1, 1).find("type must be"), std::string::npos);
  EXPECT_NE(ErrorOfForward(TFAE_FLOAT32, -1, 1).find("sizes at least 0"), std::string::npos);
  EXPECT_NE(ErrorOfForward(TFAE_FLOAT32, 1, 16384).find("workspace is NULL"), std::string::npos);
  EXPECT_EQ(ErrorOfForward(TFAE_FLOAT32, 0, 5), "");
}

}  // namespace
}  // namespace tfae
