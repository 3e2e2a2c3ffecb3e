// The fused op in TensorFlow: its definition and its CPU kernels.

#include <cstdint>
#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "kernels/core/gaussian_sample_kl.h"
#include "kernels/tensorflow/sample_kernels.h"
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"
#include "tensorflow/core/lib/core/threadpool.h"
#include "tensorflow/core/platform/types.h"
#include "tensorflow/core/public/version.h"

// tfae/ops/library.py reads this from the file before it loads the library. Each minor version of
// TensorFlow has another graph version, and the headers have no better version number.
#define TFAE_STRING_(x) #x
#define TFAE_STRING(x) TFAE_STRING_(x)
extern "C" __attribute__((visibility("default"), used)) const char tfae_built_for[] =
    "tfae ops built for TensorFlow graph version " TFAE_STRING(TF_GRAPH_DEF_VERSION);

namespace tfae {
namespace {

using absl::InvalidArgumentError;
using absl::StrCat;
using tensorflow::shape_inference::DimensionHandle;
using tensorflow::shape_inference::InferenceContext;
using tensorflow::shape_inference::ShapeHandle;

// Merges two shapes that must be equal.
absl::Status MergeNamed(InferenceContext* context, const char* name, ShapeHandle shape,
                        const char* other_name, ShapeHandle other, ShapeHandle* merged) {
  if (context->Merge(shape, other, merged).ok()) return absl::OkStatus();
  return InvalidArgumentError(StrCat(name, " must have the shape of ", other_name, ", but ", name,
                         " has shape ", context->DebugString(shape), " and ", other_name,
                         " has shape ", context->DebugString(other)));
}

// The shapes that both ops share: those of mean and log_variance, of z, and of kl.
absl::Status InferShapes(InferenceContext* context, ShapeHandle* mean, ShapeHandle* z,
                         ShapeHandle* kl) {
  TF_RETURN_IF_ERROR(MergeNamed(context, "log_variance", context->input(1), "mean",
                                context->input(0), mean));
  if (!context->WithRankAtLeast(*mean, 1, mean).ok()) {
    return InvalidArgumentError(StrCat("mean must have at least one axis, but has shape ",
                           context->DebugString(*mean)));
  }
  ShapeHandle seed;
  if (!context->Merge(context->input(2), context->Vector(2), &seed).ok()) {
    return InvalidArgumentError(StrCat("seed must have shape [2], but has shape ",
                           context->DebugString(context->input(2))));
  }
  TF_RETURN_IF_ERROR(context->Subshape(*mean, 0, -1, kl));
  int64_t num_samples;
  TF_RETURN_IF_ERROR(context->GetAttr("num_samples", &num_samples));
  *z = *mean;
  if (num_samples > 0) {
    return context->Concatenate(context->Vector(num_samples), *mean, z);
  }
  return absl::OkStatus();
}

// clang-format off
REGISTER_OP("Tfae>GaussianSampleKl")
    .Input("mean: T")
    .Input("log_variance: T")
    .Input("seed: seed_type")
    .Output("z: T")
    .Output("kl: kl_type")
    .Attr("T: {float, half, bfloat16, double}")
    .Attr("kl_type: {float, double} = DT_FLOAT")
    .Attr("seed_type: {int32, int64}")
    .Attr("num_samples: int >= 0 = 0")
    .SetShapeFn([](InferenceContext* context) {
      ShapeHandle mean, z, kl;
      TF_RETURN_IF_ERROR(InferShapes(context, &mean, &z, &kl));
      context->set_output(0, z);
      context->set_output(1, kl);
      return absl::OkStatus();
    })
    .Doc(R"doc(
Samples diagonal Gaussians and measures their KL divergence to N(0, I).

The noise of element i of z is that of stateless_normal with the algorithm Philox.

mean: `[..., d]`.
log_variance: `[..., d]`, natural logarithms.
seed: `[2]`.
z: `[..., d]`, or `[num_samples, ..., d]` unless num_samples is 0:
  `mean + exp(log_variance / 2) * noise`, computed in kl_type.
kl: `[...]`, in nats:
  `0.5 * sum(mean^2 + exp(log_variance) - 1 - log_variance)` over the last axis.
kl_type: double if T is, else float.
)doc");

REGISTER_OP("Tfae>GaussianSampleKlGrad")
    .Input("mean: T")
    .Input("log_variance: T")
    .Input("seed: seed_type")
    .Input("z: T")
    .Input("z_gradient: T")
    .Input("kl_gradient: kl_type")
    .Output("mean_gradient: T")
    .Output("log_variance_gradient: T")
    .Attr("T: {float, half, bfloat16, double}")
    .Attr("kl_type: {float, double}")
    .Attr("seed_type: {int32, int64}")
    .Attr("num_samples: int >= 0 = 0")
    .SetShapeFn([](InferenceContext* context) {
      ShapeHandle mean, z, kl, merged;
      TF_RETURN_IF_ERROR(InferShapes(context, &mean, &z, &kl));
      TF_RETURN_IF_ERROR(MergeNamed(context, "z", context->input(3), "z of mean", z, &merged));
      TF_RETURN_IF_ERROR(
          MergeNamed(context, "z_gradient", context->input(4), "z", z, &merged));
      TF_RETURN_IF_ERROR(
          MergeNamed(context, "kl_gradient", context->input(5), "kl", kl, &merged));
      context->set_output(0, mean);
      context->set_output(1, mean);
      return absl::OkStatus();
    })
    .Doc(R"doc(
The gradient of Tfae>GaussianSampleKl.

mean, log_variance, seed: Those given to Tfae>GaussianSampleKl.
z: What it returned.
z_gradient: The gradient from above, in the shape of z.
kl_gradient: The gradient from above, in the shape of kl.
mean_gradient: `sum over samples(z_gradient) + kl_gradient * mean`, in the shape of mean.
log_variance_gradient: `0.5 * (sum over samples(z_gradient * noise) * exp(log_variance / 2)
  + kl_gradient * (exp(log_variance) - 1))`, in the shape of mean.
)doc");
// clang-format on

CpuDevice DeviceOf(OpKernelContext* context) {
  const auto* workers = context->device()->tensorflow_cpu_worker_threads();
  CpuDevice device;
  device.threads.count = workers->num_threads;
  device.threads.schedule = [pool = workers->workers](std::function<void()> work) {
    pool->Schedule(std::move(work));
  };
  return device;
}

struct Cpu {
  using Noise = PhiloxStream;

  static PhiloxStream NoiseOf(const Tensor& seed) {
    if (seed.dtype() == tensorflow::DT_INT64) {
      const auto words = seed.vec<int64_t>();
      return StreamOfSeed(words(0), words(1));
    }
    const auto words = seed.vec<int32_t>();
    return StreamOfSeed(int64_t{words(0)}, int64_t{words(1)});
  }

  template <typename T>
  static absl::Status Run(OpKernelContext* context, SampleShape shape,
                          const ForwardTensors<T>& tensors) {
    GaussianSampleKl<T>(DeviceOf(context), shape, tensors);
    return absl::OkStatus();
  }

  template <typename T>
  static absl::Status Run(OpKernelContext* context, SampleShape shape,
                          const BackwardTensors<T>& tensors) {
    GaussianSampleKlGradient<T>(DeviceOf(context), shape, tensors);
    return absl::OkStatus();
  }
};

TFAE_REGISTER_KERNELS(DEVICE_CPU, Cpu)

}  // namespace
}  // namespace tfae
