// The shapes of the fused op's tensors, checked when the op runs or is compiled.

#ifndef TFAE_KERNELS_TENSORFLOW_SAMPLE_SHAPES_H_
#define TFAE_KERNELS_TENSORFLOW_SAMPLE_SHAPES_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "kernels/core/gaussian_sample_kl.h"
#include "tensorflow/core/framework/tensor_shape.h"
#include "tensorflow/core/platform/errors.h"

namespace tfae {

struct SampleShapes {
  tensorflow::TensorShape mean;
  tensorflow::TensorShape z;
  tensorflow::TensorShape kl;
  SampleShape sizes;
};

inline absl::Status CheckShape(const char* name, const tensorflow::TensorShape& shape,
                               const char* other_name, const tensorflow::TensorShape& other) {
  if (shape == other) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      name, " must have the shape of ", other_name, ", but ", name, " has shape ",
      shape.DebugString(), " and ", other_name, " has shape ", other.DebugString()));
}

// `num_samples` is 0 if z has no axis of samples.
inline absl::Status CheckInputs(int64_t num_samples, const tensorflow::TensorShape& mean,
                                const tensorflow::TensorShape& log_variance,
                                const tensorflow::TensorShape& seed, SampleShapes* shapes) {
  TF_RETURN_IF_ERROR(CheckShape("log_variance", log_variance, "mean", mean));
  if (mean.dims() == 0) {
    return absl::InvalidArgumentError("mean must have at least one axis, but is a scalar");
  }
  if (seed != tensorflow::TensorShape({2})) {
    return absl::InvalidArgumentError(
        absl::StrCat("seed must have shape [2], but has shape ", seed.DebugString()));
  }
  shapes->mean = mean;
  shapes->kl = mean;
  shapes->kl.RemoveLastDims(1);
  shapes->z = mean;
  if (num_samples > 0) TF_RETURN_IF_ERROR(shapes->z.InsertDimWithStatus(0, num_samples));
  shapes->sizes = {num_samples > 0 ? num_samples : 1, shapes->kl.num_elements(),
                   mean.dim_size(mean.dims() - 1)};
  return absl::OkStatus();
}

inline absl::Status CheckGradientInputs(const SampleShapes& shapes,
                                        const tensorflow::TensorShape& z,
                                        const tensorflow::TensorShape& z_gradient,
                                        const tensorflow::TensorShape& kl_gradient) {
  TF_RETURN_IF_ERROR(CheckShape("z", z, "the samples of mean", shapes.z));
  TF_RETURN_IF_ERROR(CheckShape("z_gradient", z_gradient, "z", shapes.z));
  return CheckShape("kl_gradient", kl_gradient, "kl", shapes.kl);
}

}  // namespace tfae

#endif  // TFAE_KERNELS_TENSORFLOW_SAMPLE_SHAPES_H_
