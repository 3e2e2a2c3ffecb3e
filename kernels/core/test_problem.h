// The tensors of the fused op and a check of its contract, for the tests of all implementations.

#ifndef TFAE_KERNELS_CORE_TEST_PROBLEM_H_
#define TFAE_KERNELS_CORE_TEST_PROBLEM_H_

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "kernels/core/gaussian_sample_kl.h"

namespace tfae {

constexpr int64_t kSeed[2] = {7, -9};
const PhiloxStream kStream = StreamOfSeed(kSeed[0], kSeed[1]);

const CpuDevice kOneThread;

// All tensors of both functions.
template <typename T>
struct Problem {
  using C = ComputeType<T>;

  explicit Problem(SampleShape shape)
      : shape(shape),
        mean(shape.rows * shape.columns),
        log_variance(mean.size()),
        z(shape.samples * mean.size()),
        kl(shape.rows),
        z_gradient(z.size()),
        kl_gradient(shape.rows),
        mean_gradient(mean.size()),
        log_variance_gradient(mean.size()) {
    std::mt19937 generator(1);
    std::normal_distribution<double> normal;
    auto fill = [&](auto& tensor) {
      for (auto& element : tensor) Store(static_cast<C>(normal(generator)), &element);
    };
    fill(mean);
    fill(log_variance);
    fill(z_gradient);
    fill(kl_gradient);
  }

  template <typename Noise>
  ForwardTensors<T, Noise> Forward(const Noise& noise) {
    return {mean.data(), log_variance.data(), noise, z.data(), kl.data()};
  }

  template <typename Noise>
  BackwardTensors<T, Noise> Backward(const Noise& noise) {
    return {mean.data(),       log_variance.data(),  noise,
            z.data(),          z_gradient.data(),    kl_gradient.data(),
            mean_gradient.data(), log_variance_gradient.data()};
  }

  void Run(const CpuDevice& device = kOneThread) {
    GaussianSampleKl<T>(device, shape, Forward(kStream));
    GaussianSampleKlGradient<T>(device, shape, Backward(kStream));
  }

  SampleShape shape;
  std::vector<T> mean, log_variance, z;
  std::vector<C> kl;
  std::vector<T> z_gradient;
  std::vector<C> kl_gradient;
  std::vector<T> mean_gradient, log_variance_gradient;
};

template <typename T>
bool SameBits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || !memcmp(a.data(), b.data(), a.size() * sizeof(T)));
}

// The noise of element `index` of z, one block at a time.
inline float NoiseAt(int64_t index) {
  const uint64_t block = index / 4;
  uint32_t words[4] = {static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32),
                       kStream.counter[0], kStream.counter[1]};
  PhiloxBlock(kStream.key[0], kStream.key[1], words);
  const int pair = index % 4 / 2 * 2;
  float normal[2];
  BoxMuller(words[pair], words[pair + 1], &normal[0], &normal[1]);
  return normal[index % 2];
}

// Checks the contract against a simple computation in double precision.
template <typename T>
void ExpectContract(const Problem<T>& p, double tolerance) {
  const auto near = [tolerance](double value, double expected) {
    return std::fabs(value - expected) <= tolerance * (1 + std::fabs(expected));
  };
  const int64_t columns = p.shape.columns;
  for (int64_t row = 0; row < p.shape.rows; ++row) {
    long double kl = 0;
    for (int64_t i = row * columns; i < (row + 1) * columns; ++i) {
      const double m = Load(p.mean[i]);
      const double v = Load(p.log_variance[i]);
      const double upstream = p.kl_gradient[row];
      double mean_gradient = upstream * m;
      double log_variance_gradient = upstream * (std::exp(v) - 1) / 2;
      for (int64_t s = 0; s < p.shape.samples; ++s) {
        const int64_t j = s * p.shape.rows * columns + i;
        const double step = std::exp(v / 2) * NoiseAt(j);
        const double gradient = Load(p.z_gradient[j]);
        ASSERT_TRUE(near(Load(p.z[j]), m + step)) << "z at " << j;
        mean_gradient += gradient;
        log_variance_gradient += gradient * step / 2;
      }
      ASSERT_TRUE(near(Load(p.mean_gradient[i]), mean_gradient)) << "mean_gradient at " << i;
      ASSERT_TRUE(near(Load(p.log_variance_gradient[i]), log_variance_gradient))
          << "log_variance_gradient at " << i << ": " << Load(p.log_variance_gradient[i]) << ", "
          << log_variance_gradient;
      kl += (m * m + std::exp(v) - 1 - v) / 2;
    }
    const double kl_tolerance = sizeof(p.kl[0]) == 8 ? 1e-14 : 1e-6;
    ASSERT_NEAR(p.kl[row], static_cast<double>(kl), kl_tolerance * (1 + kl)) << "kl at " << row;
  }
}

const SampleShape kShapes[] = {{1, 1, 1},   {1, 7, 1},    {1, 301, 2}, {1, 1000, 3},  {1, 3, 5},
                               {1, 40, 31}, {1, 128, 64}, {1, 9, 100}, {1, 2, 512},   {1, 2, 513},
                               {1, 3, 4097}, {2, 1, 1},   {3, 5, 7},   {100, 2, 10}, {2, 3, 1025}};

}  // namespace tfae

#endif  // TFAE_KERNELS_CORE_TEST_PROBLEM_H_
