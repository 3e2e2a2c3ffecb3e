// The fused op's TensorFlow kernels, for any device.
//
// A Device defines the type `Noise` (see kernels/core/gaussian_sample_kl.h), the function
// `NoiseOf(seed)`, and `Run(context, shape, tensors)` for the tensors of each pass.

#ifndef TFAE_KERNELS_TENSORFLOW_SAMPLE_KERNELS_H_
#define TFAE_KERNELS_TENSORFLOW_SAMPLE_KERNELS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "kernels/core/gaussian_sample_kl.h"
#include "kernels/tensorflow/sample_shapes.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/platform/types.h"

namespace tfae {

using tensorflow::OpKernel;
using tensorflow::OpKernelConstruction;
using tensorflow::OpKernelContext;
using tensorflow::Tensor;
using tensorflow::TensorShape;

// The core's type for TensorFlow's T.
template <typename T>
struct ElementOf {
  using Type = T;
};
template <>
struct ElementOf<Eigen::half> {
  using Type = Half;
};
template <>
struct ElementOf<Eigen::bfloat16> {
  using Type = Bfloat16;
};

template <typename T>
const T* Data(const Tensor& tensor) {
  return reinterpret_cast<const T*>(tensor.data());
}
template <typename T>
T* Data(Tensor* tensor) {
  return reinterpret_cast<T*>(tensor->data());
}

// The base class of both ops.
class SampleKernel : public OpKernel {
 public:
  explicit SampleKernel(OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("num_samples", &num_samples_));
  }

  // TensorFlow hands expensive kernels to another thread, which costs time and gains nothing: this
  // kernel distributes its work itself.
  bool IsExpensive() override { return false; }

 protected:
  absl::Status GetShapes(OpKernelContext* context, SampleShapes* shapes) const {
    return CheckInputs(num_samples_, context->input(0).shape(), context->input(1).shape(),
                       context->input(2).shape(), shapes);
  }

 private:
  int64_t num_samples_;
};

template <typename Device, typename T>
class GaussianSampleKlOp : public SampleKernel {
 public:
  using SampleKernel::SampleKernel;

  void Compute(OpKernelContext* context) override {
    using Element = typename ElementOf<T>::Type;
    SampleShapes shapes;
    OP_REQUIRES_OK(context, GetShapes(context, &shapes));
    Tensor* z = nullptr;
    Tensor* kl = nullptr;
    OP_REQUIRES_OK(context, context->allocate_output(0, shapes.z, &z));
    OP_REQUIRES_OK(context, context->allocate_output(1, shapes.kl, &kl));
    const ForwardTensors<Element, typename Device::Noise> tensors = {
        Data<Element>(context->input(0)), Data<Element>(context->input(1)),
        Device::NoiseOf(context->input(2)), Data<Element>(z), Data<ComputeType<Element>>(kl)};
    OP_REQUIRES_OK(context, Device::Run(context, shapes.sizes, tensors));
  }
};

template <typename Device, typename T>
class GaussianSampleKlGradOp : public SampleKernel {
 public:
  using SampleKernel::SampleKernel;

  void Compute(OpKernelContext* context) override {
    using Element = typename ElementOf<T>::Type;
    SampleShapes shapes;
    OP_REQUIRES_OK(context, GetShapes(context, &shapes));
    OP_REQUIRES_OK(context, CheckGradientInputs(shapes, context->input(3).shape(),
                                                context->input(4).shape(),
                                                context->input(5).shape()));
    const TensorShape& shape = context->input(0).shape();
    Tensor* mean_gradient = nullptr;
    Tensor* log_variance_gradient = nullptr;
    // Usually nothing else needs z_gradient any more, and often nothing needs z.
    OP_REQUIRES_OK(context, context->forward_input_or_allocate_output({4}, 0, shape,
                                                                      &mean_gradient));
    OP_REQUIRES_OK(context, context->forward_input_or_allocate_output(
                                {3}, 1, shape, &log_variance_gradient));
    const BackwardTensors<Element, typename Device::Noise> tensors = {
        Data<Element>(context->input(0)), Data<Element>(context->input(1)),
        Device::NoiseOf(context->input(2)), Data<Element>(context->input(3)),
        Data<Element>(context->input(4)), Data<ComputeType<Element>>(context->input(5)),
        Data<Element>(mean_gradient), Data<Element>(log_variance_gradient)};
    OP_REQUIRES_OK(context, Device::Run(context, shapes.sizes, tensors));
  }
};

// Registers both kernels for a TensorFlow device type and the Device that runs them.
#define TFAE_REGISTER_KERNELS(DEVICE, Class)                           \
  TFAE_REGISTER_KERNELS_OF_TYPE(DEVICE, Class, float, float)           \
  TFAE_REGISTER_KERNELS_OF_TYPE(DEVICE, Class, Eigen::half, float)     \
  TFAE_REGISTER_KERNELS_OF_TYPE(DEVICE, Class, Eigen::bfloat16, float) \
  TFAE_REGISTER_KERNELS_OF_TYPE(DEVICE, Class, double, double)

#define TFAE_REGISTER_KERNELS_OF_TYPE(DEVICE, Class, T, U)                       \
  REGISTER_KERNEL_BUILDER(Name("Tfae>GaussianSampleKl")                          \
                              .Device(tensorflow::DEVICE)                        \
                              .TypeConstraint<T>("T")                            \
                              .TypeConstraint<U>("kl_type"),                     \
                          GaussianSampleKlOp<Class, T>);                         \
  REGISTER_KERNEL_BUILDER(Name("Tfae>GaussianSampleKlGrad")                      \
                              .Device(tensorflow::DEVICE)                        \
                              .TypeConstraint<T>("T")                            \
                              .TypeConstraint<U>("kl_type"),                     \
                          GaussianSampleKlGradOp<Class, T>);

}  // namespace tfae

#endif  // TFAE_KERNELS_TENSORFLOW_SAMPLE_KERNELS_H_
