#include "kernels/core/sample_arguments.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace tfae {
namespace {

// A tensor that a test can make invalid.
struct Tensor {
  const char* name;
  std::string type;
  std::vector<int64_t> sizes;

  operator Argument() const { return {name, type, sizes.data(), sizes.size()}; }  // NOLINT
};

struct Arguments {
  Tensor mean = {"mean", "f32", {4, 5, 6}};
  Tensor log_variance = {"log_variance", "f32", {4, 5, 6}};
  Tensor seed = {"seed", "s64", {2}};
  Tensor z = {"z", "f32", {3, 4, 5, 6}};
  Tensor kl = {"kl", "f32", {4, 5}};
  Tensor z_gradient = {"z_gradient", "f32", {3, 4, 5, 6}};
  Tensor kl_gradient = {"kl_gradient", "f32", {4, 5}};
  Tensor mean_gradient = {"mean_gradient", "f32", {4, 5, 6}};
  Tensor log_variance_gradient = {"log_variance_gradient", "f32", {4, 5, 6}};
  SampleShape shape = {-1, -1, -1};

  std::string Forward() { return CheckForward(mean, log_variance, seed, z, kl, &shape); }
  std::string Backward() {
    return CheckBackward(mean, log_variance, seed, z, z_gradient, kl_gradient, mean_gradient,
                         log_variance_gradient, &shape);
  }
};

TEST(SampleArguments, GiveTheShape) {
  Arguments good;
  EXPECT_EQ(good.Forward(), "");
  EXPECT_EQ(good.shape.samples, 3);
  EXPECT_EQ(good.shape.rows, 20);
  EXPECT_EQ(good.shape.columns, 6);
  EXPECT_EQ(good.Backward(), "");

  good.z.sizes = good.mean.sizes;
  EXPECT_EQ(good.Forward(), "");
  EXPECT_EQ(good.shape.samples, 1);
}

TEST(SampleArguments, MayBeEmptyOrOfOneAxis) {
  Arguments empty;
  empty.mean.sizes = empty.log_variance.sizes = empty.z.sizes = {0, 5, 6};
  empty.kl.sizes = {0, 5};
  EXPECT_EQ(empty.Forward(), "");
  EXPECT_EQ(empty.shape.rows, 0);

  Arguments one_axis;
  one_axis.mean.sizes = one_axis.log_variance.sizes = {6};
  one_axis.z.sizes = {3, 6};
  one_axis.kl.sizes = {};
  EXPECT_EQ(one_axis.Forward(), "");
  EXPECT_EQ(one_axis.shape.rows, 1);
}

TEST(SampleArguments, ADivergenceIsInTheTypeOfTheComputation) {
  for (const char* type : {"f16", "bf16", "f64"}) {
    Arguments other;
    other.mean.type = other.log_variance.type = other.z.type = type;
    const bool wide = other.mean.type == "f64";
    EXPECT_EQ(other.Forward(), wide ? "kl must be f64[4,5], one for each row of mean, "
                                      "but is f32[4,5]"
                                    : "");
    other.kl.type = wide ? "f64" : type;
    EXPECT_EQ(other.Forward().empty(), wide);
  }
}

// An invalid tensor of the forward pass, and the message about it.
struct Wrong {
  Tensor Arguments::*tensor;
  std::string type;
  std::vector<int64_t> sizes;
  std::string message;
};

TEST(SampleArguments, ThatAreWrongAreNamedInBothPasses) {
  const Wrong wrong[] = {
      {&Arguments::mean, "s32", {4, 5, 6}, "mean must be f32, f16, bf16 or f64, but is s32[4,5,6]"},
      {&Arguments::mean, "f32", {}, "mean must be of at least one axis, but is f32[]"},
      {&Arguments::mean,
       "f32",
       {int64_t{1} << 40, int64_t{1} << 40, 0},
       "mean must be of fewer than 2^63 rows, but is f32[1099511627776,1099511627776,0]"},
      {&Arguments::log_variance,
       "f32",
       {4, 6},
       "log_variance must be f32[4,5,6], as mean is, but is f32[4,6]"},
      {&Arguments::log_variance,
       "f16",
       {4, 5, 6},
       "log_variance must be f32[4,5,6], as mean is, but is f16[4,5,6]"},
      {&Arguments::seed, "s64", {1}, "seed must be s32[2] or s64[2], but is s64[1]"},
      {&Arguments::seed, "s64", {}, "seed must be s32[2] or s64[2], but is s64[]"},
      {&Arguments::seed, "s64", {2, 1}, "seed must be s32[2] or s64[2], but is s64[2,1]"},
      {&Arguments::seed, "u32", {2}, "seed must be s32[2] or s64[2], but is u32[2]"},
  };
  for (const Wrong& each : wrong) {
    Arguments arguments;
    (arguments.*each.tensor).type = each.type;
    (arguments.*each.tensor).sizes = each.sizes;
    EXPECT_EQ(arguments.Forward(), each.message);
    EXPECT_EQ(arguments.Backward(), each.message);
  }
}

TEST(SampleArguments, AllAxesOfSamplesAreThoseOfTheMean) {
  const std::vector<int64_t> wrong[] = {{0, 4, 5, 6}, {4, 5},          {4, 5, 7}, {3, 4, 5, 7},
                                        {3, 4, 6},    {1, 3, 4, 5, 6}, {}};
  for (const std::vector<int64_t>& sizes : wrong) {
    Arguments arguments;
    arguments.z.sizes = sizes;
    EXPECT_EQ(arguments.Forward().rfind("z must be f32[4,5,6], as mean is, or this behind an axis "
                                        "of one sample or more, but is f32[",
                                        0),
              0u);
    EXPECT_EQ(arguments.Forward(), arguments.Backward());
  }
  Arguments arguments;
  arguments.z.type = "f64";
  EXPECT_NE(arguments.Forward(), "");
}

TEST(SampleArguments, EveryOtherTensorIsCheckedToo) {
  Tensor Arguments::*const others[] = {&Arguments::z_gradient, &Arguments::kl_gradient,
                                       &Arguments::mean_gradient,
                                       &Arguments::log_variance_gradient};
  for (Tensor Arguments::*other : others) {
    Arguments arguments;
    Tensor& tensor = arguments.*other;
    const Tensor right = tensor;
    tensor.type = "bf16";
    EXPECT_EQ(arguments.Backward().rfind(std::string(tensor.name) + " must be f32[", 0), 0u);
    for (const std::vector<int64_t>& sizes : {std::vector<int64_t>{}, {1}, {4, 6}, {2, 4, 5, 6}}) {
      tensor = right;
      tensor.sizes = sizes;
      EXPECT_EQ(arguments.Backward().rfind(std::string(tensor.name) + " must be f32[", 0), 0u);
    }
  }
  for (const std::vector<int64_t>& sizes : {std::vector<int64_t>{}, {20}, {4, 5, 6}, {5, 4}}) {
    Arguments arguments;
    arguments.kl.sizes = sizes;
    EXPECT_EQ(arguments.Forward().rfind("kl must be f32[4,5], one for each row of mean", 0), 0u);
  }
}

}  // namespace
}  // namespace tfae
