// libFuzzer over the fused op on the CPU: every type, instruction set and number of threads, shapes
// and seeds of all kinds, and elements of any bits. Results are compared with the contract, computed
// one element at a time, and tensors have exactly the memory they need.
//
//   clang++ -std=c++17 -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -I. \
//       -DNDEBUG tests/fuzz/gaussian_sample_kl_fuzz.cc kernels/core/gaussian_sample_kl_cpu.cc \
//       kernels/core/parallel_for_cpu.cc kernels/core/sample_arguments.cc -o fuzz && ./fuzz

#include <fuzzer/FuzzedDataProvider.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "kernels/core/gaussian_sample_kl.h"
#include "kernels/core/sample_arguments.h"
#include "kernels/core/test_pool.h"

namespace tfae {
namespace {

// The largest finite value, and half the distance to the next value of a result of 1.
template <typename T>
struct Limits;
template <>
struct Limits<float> {
  static constexpr double kLargest = 3.4028e38, kRounding = 0;
};
template <>
struct Limits<double> {
  static constexpr double kLargest = 1.797e308, kRounding = 0;
};
template <>
struct Limits<Half> {
  static constexpr double kLargest = 65504, kRounding = 0x1p-11;
};
template <>
struct Limits<Bfloat16> {
  static constexpr double kLargest = 3.38e38, kRounding = 0x1p-8;
};

float NoiseAt(const PhiloxStream& stream, int64_t index) {
  const uint64_t block = index / 4;
  uint32_t words[4] = {static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32),
                       stream.counter[0], stream.counter[1]};
  PhiloxBlock(stream.key[0], stream.key[1], words);
  const int pair = index % 4 / 2 * 2;
  float normal[2];
  BoxMuller(words[pair], words[pair + 1], &normal[0], &normal[1]);
  return normal[index % 2];
}

// A result that is a sum: of what, and of how much in absolute terms, which bounds its rounding.
struct Sum {
  double value = 0;
  double magnitude = 0;

  void Add(double term) {
    value += term;
    magnitude += std::fabs(term);
  }
};

// Rounding errors are those of the compute type; past its range, and for results that are not
// finite, the order of the operations counts, so only NaN from nowhere would be wrong.
template <typename T>
void Expect(const char* name, int64_t index, double actual, const Sum& expected, bool from_nan) {
  const double largest = std::min(Limits<T>::kLargest,
                                  static_cast<double>(std::numeric_limits<ComputeType<T>>::max()));
  bool right;
  if (from_nan) {
    right = std::isnan(actual);
  } else if (!(expected.magnitude < 0.25 * largest)) {
    right = true;
  } else {
    const double tolerance = 4e-6 * (1 + expected.magnitude) +
                             Limits<T>::kRounding * (1e-3 + std::fabs(expected.value));
    right = std::fabs(actual - expected.value) <= tolerance;
  }
  if (!right) {
    std::fprintf(stderr, "%s at %lld is %.9g, not %.9g\n", name, static_cast<long long>(index),
                 actual, expected.value);
    std::abort();
  }
}

template <typename T>
std::vector<T> Elements(FuzzedDataProvider* data, int64_t count, double scale) {
  std::vector<T> elements(count);
  std::minstd_rand generator(data->ConsumeIntegral<uint16_t>());
  std::normal_distribution<double> normal(0, scale);
  for (T& element : elements) Store(static_cast<ComputeType<T>>(normal(generator)), &element);
  // Some of any bits: NaN, infinities, subnormal and huge numbers among them.
  for (int i = data->ConsumeIntegralInRange(0, 8); i > 0 && count > 0; --i) {
    const std::vector<uint8_t> bits = data->ConsumeBytes<uint8_t>(sizeof(T));
    if (bits.size() < sizeof(T)) break;
    std::memcpy(&elements[data->ConsumeIntegralInRange<int64_t>(0, count - 1)], bits.data(),
                sizeof(T));
  }
  return elements;
}

Threads ThreadsOf(int count) {
  static TestPool one(1), three(3);
  return count == 0 ? Threads() : count == 1 ? one.threads() : three.threads();
}

template <typename T>
void Compute(FuzzedDataProvider* data) {
  using C = ComputeType<T>;
  SampleShape shape;
  shape.samples = data->ConsumeIntegralInRange<int64_t>(1, 4);
  // Long rows, many rows, or neither.
  const bool long_rows = data->ConsumeProbability<float>() < 0.1f;
  shape.rows = data->ConsumeIntegralInRange<int64_t>(0, long_rows ? 3 : 70);
  shape.columns = data->ConsumeIntegralInRange<int64_t>(0, long_rows ? 2100 : 40);
  CpuDevice device;
  device.threads = ThreadsOf(data->ConsumeIntegralInRange(0, 2));
  device.instruction_set = static_cast<InstructionSet>(
      data->ConsumeIntegralInRange(0, static_cast<int>(BestInstructionSet())));
  const PhiloxStream stream =
      StreamOfSeed(data->ConsumeIntegral<int64_t>(), data->ConsumeIntegral<int64_t>());

  const int64_t size = shape.rows * shape.columns;
  const std::vector<T> mean = Elements<T>(data, size, 2);
  const std::vector<T> log_variance = Elements<T>(data, size, 2);
  std::vector<T> z_gradient = Elements<T>(data, shape.samples * size, 1);
  const std::vector<C> kl_gradient = Elements<C>(data, shape.rows, 1);
  std::vector<T> z(shape.samples * size), mean_gradient(size), log_variance_gradient(size);
  std::vector<C> kl(shape.rows);
  GaussianSampleKl<T>(device, shape,
                      {mean.data(), log_variance.data(), stream, z.data(), kl.data()});
  GaussianSampleKlGradient<T>(
      device, shape,
      {mean.data(), log_variance.data(), stream, z.data(), z_gradient.data(), kl_gradient.data(),
       mean_gradient.data(), log_variance_gradient.data()});

  for (int64_t row = 0; row < shape.rows; ++row) {
    Sum divergence;
    bool row_has_nan = false;
    const double d = kl_gradient[row];
    for (int64_t i = row * shape.columns; i < (row + 1) * shape.columns; ++i) {
      const double m = Load(mean[i]), v = Load(log_variance[i]);
      const bool input_nan = std::isnan(m) || std::isnan(v);
      row_has_nan |= input_nan;
      for (double term : {m * m, std::exp(v), -1.0, -v}) divergence.Add(term / 2);
      Sum dm, dv;
      bool dm_nan = std::isnan(m) || std::isnan(d), dv_nan = std::isnan(v) || std::isnan(d);
      dm.Add(d * m);
      dv.Add(d * std::exp(v) / 2);
      dv.Add(-d / 2);
      for (int64_t s = 0; s < shape.samples; ++s) {
        const int64_t j = s * size + i;
        const double step = std::exp(v / 2) * NoiseAt(stream, j), upstream = Load(z_gradient[j]);
        Sum sample;
        sample.Add(m);
        sample.Add(step);
        Expect<T>("z", j, Load(z[j]), sample, input_nan);
        dm_nan |= std::isnan(upstream);
        dv_nan |= std::isnan(upstream);
        dm.Add(upstream);
        dv.Add(upstream * step / 2);
        // Where the noise is small, its absolute error counts.
        dv.magnitude += std::fabs(upstream) * std::exp(v / 2);
      }
      Expect<T>("mean_gradient", i, Load(mean_gradient[i]), dm, dm_nan);
      Expect<T>("log_variance_gradient", i, Load(log_variance_gradient[i]), dv, dv_nan);
    }
    Expect<C>("kl", row, kl[row], divergence, row_has_nan);
  }
}

// What passes the checks has the sizes that the core relies on.
void CheckArguments(FuzzedDataProvider* data) {
  static const char* const kTypes[] = {"f32", "f64", "f16", "bf16", "s32", "s64", "u8"};
  static const char* const kNames[] = {"mean",       "log_variance",  "seed",
                                       "z",          "kl",            "z_gradient",
                                       "mean_gradient", "log_variance_gradient"};
  const int64_t base[3] = {data->ConsumeIntegralInRange<int64_t>(0, 3),
                           data->ConsumeIntegralInRange<int64_t>(0, 3),
                           data->ConsumeIntegralInRange<int64_t>(0, 3)};
  const char* const type = data->PickValueInArray(kTypes);
  std::vector<std::vector<int64_t>> sizes(8);
  Argument arguments[8];
  for (int i = 0; i < 8; ++i) {
    // Mostly what is right, so that much passes.
    if (i == 2) {
      sizes[i] = {2};
    } else {
      sizes[i].assign(base, base + (i == 4 ? 2 : 3));
      if (i == 3 || i == 5) sizes[i].insert(sizes[i].begin(), base[0]);
    }
    std::string_view own = i == 2 ? "s64" : i == 4 && type != kTypes[1] ? "f32" : type;
    if (data->ConsumeBool() && data->ConsumeBool()) own = data->PickValueInArray(kTypes);
    if (data->ConsumeBool() && data->ConsumeBool()) {
      sizes[i].resize(data->ConsumeIntegralInRange(0, 4));
      for (int64_t& axis : sizes[i]) {
        axis = data->ConsumeBool() ? data->ConsumeIntegralInRange<int64_t>(0, 3)
                                   : data->ConsumeIntegral<int64_t>() & INT64_MAX;
      }
    }
    arguments[i] = {kNames[i], own, sizes[i].data(), sizes[i].size()};
  }
  const auto& [mean, log_variance, seed, z, kl, z_gradient, mean_gradient, log_variance_gradient] =
      arguments;
  const auto count = [](const Argument& argument) {
    __int128 product = 1;
    for (size_t axis = 0; axis < argument.rank; ++axis) {
      product *= argument.sizes[axis];
      if (product > INT64_MAX) return __int128{-1};
    }
    return product;
  };
  SampleShape shape = {-1, -1, -1};
  const std::string wrong = CheckBackward(mean, log_variance, seed, z, z_gradient, kl,
                                          mean_gradient, log_variance_gradient, &shape);
  if (!wrong.empty()) {
    if (wrong.find(" must be ") == std::string::npos) std::abort();
    return;
  }
  const __int128 size = count(mean);
  if (size < 0) return;  // no program has so much memory
  const bool right = __int128{shape.rows} * shape.columns == size && shape.samples >= 1 &&
                     count(log_variance) == size && count(mean_gradient) == size &&
                     count(log_variance_gradient) == size && count(seed) == 2 &&
                     count(z) == size * shape.samples && count(z_gradient) == count(z) &&
                     count(kl) == shape.rows;
  if (!right) std::abort();
}

}  // namespace
}  // namespace tfae

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  FuzzedDataProvider data(bytes, size);
  switch (data.ConsumeIntegralInRange(0, 4)) {
    case 0:
      tfae::CheckArguments(&data);
      break;
    case 1:
      tfae::Compute<float>(&data);
      break;
    case 2:
      tfae::Compute<double>(&data);
      break;
    case 3:
      tfae::Compute<tfae::Half>(&data);
      break;
    case 4:
      tfae::Compute<tfae::Bfloat16>(&data);
      break;
  }
  return 0;
}
