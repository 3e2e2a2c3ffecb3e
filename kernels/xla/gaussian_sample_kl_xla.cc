// The fused op in functions that TensorFlow compiles with XLA: custom calls of the functions in
// gaussian_sample_kl_ffi.cc.

// TensorFlow's package lacks a header that this one includes. Only its name is needed.
#define XLA_PRINTER_H_
namespace xla {
class Printer;
}

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/tensorflow/sample_shapes.h"
#include "kernels/xla/gaussian_sample_kl_ffi.h"
#include "tensorflow/compiler/tf2xla/shape_util.h"
#include "tensorflow/compiler/tf2xla/xla_op_kernel.h"
#include "tensorflow/compiler/tf2xla/xla_op_registry.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "xla/ffi/api/ffi.h"
#include "xla/hlo/builder/xla_builder.h"
#include "xla/shape_util.h"

// Declared in xla/ffi/ffi_api.h too, which needs headers that the package lacks.
extern "C" const XLA_FFI_Api* XLA_FFI_GetApi();

namespace tfae {
namespace {

using tensorflow::TensorShape;
using tensorflow::XlaOpKernel;
using tensorflow::XlaOpKernelContext;

constexpr char kForward[] = "TfaeGaussianSampleKl";
constexpr char kBackward[] = "TfaeGaussianSampleKlGrad";

// "Host" is XLA's name for the CPU. The functions for GPUs have the same names.
XLA_FFI_REGISTER_HANDLER(XLA_FFI_GetApi(), kForward, "Host", TfaeGaussianSampleKlCpu);
XLA_FFI_REGISTER_HANDLER(XLA_FFI_GetApi(), kBackward, "Host", TfaeGaussianSampleKlGradCpu);
#if defined(TFAE_CUDA)
XLA_FFI_REGISTER_HANDLER(XLA_FFI_GetApi(), kForward, "CUDA", TfaeGaussianSampleKlCuda);
XLA_FFI_REGISTER_HANDLER(XLA_FFI_GetApi(), kBackward, "CUDA", TfaeGaussianSampleKlGradCuda);
#endif

// The core needs dense row-major tensors.
xla::Shape DenseShape(xla::PrimitiveType type, const TensorShape& shape) {
  const auto sizes = shape.dim_sizes();
  return xla::ShapeUtil::MakeShapeWithDescendingLayout(
      type, std::vector<int64_t>(sizes.begin(), sizes.end()));
}

// The base class of both ops.
class SampleXlaKernel : public XlaOpKernel {
 public:
  explicit SampleXlaKernel(tensorflow::OpKernelConstruction* context) : XlaOpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("num_samples", &num_samples_));
  }

 protected:
  // Checks the inputs; `inputs` gets the shape of each.
  absl::Status GetShapes(XlaOpKernelContext* context, std::vector<TensorShape>* inputs,
                         SampleShapes* shapes) const {
    inputs->resize(context->num_inputs());
    for (int i = 0; i < context->num_inputs(); ++i) {
      TF_ASSIGN_OR_RETURN(const xla::Shape shape, context->InputXlaShape(i));
      TF_RETURN_IF_ERROR(tensorflow::XLAShapeToTensorShape(shape, &(*inputs)[i]));
    }
    return CheckInputs(num_samples_, (*inputs)[0], (*inputs)[1], (*inputs)[2], shapes);
  }

  // Sets the outputs to the results of a function of all inputs.
  static void Call(XlaOpKernelContext* context, const std::string& function,
                   const std::vector<TensorShape>& inputs,
                   const std::vector<xla::Shape>& results) {
    std::vector<xla::XlaOp> operands;
    std::vector<xla::Shape> shapes;
    for (int i = 0; i < context->num_inputs(); ++i) {
      operands.push_back(context->Input(i));
      shapes.push_back(DenseShape(context->input_xla_type(i), inputs[i]));
    }
    const xla::XlaOp call = xla::CustomCallWithLayout(
        context->builder(), function, operands, xla::ShapeUtil::MakeTupleShape(results), shapes,
        /*opaque=*/"", /*has_side_effect=*/false, /*output_operand_aliasing=*/{},
        /*literal=*/nullptr, xla::CustomCallSchedule::SCHEDULE_NONE,
        xla::CustomCallApiVersion::API_VERSION_TYPED_FFI);
    for (int i = 0; i < context->num_outputs(); ++i) {
      context->SetOutput(i, xla::GetTupleElement(call, i));
    }
  }

 private:
  int64_t num_samples_;
};

class GaussianSampleKlXlaOp : public SampleXlaKernel {
 public:
  using SampleXlaKernel::SampleXlaKernel;

  void Compile(XlaOpKernelContext* context) override {
    std::vector<TensorShape> inputs;
    SampleShapes shapes;
    OP_REQUIRES_OK(context, GetShapes(context, &inputs, &shapes));
    const xla::PrimitiveType type = context->input_xla_type(0);
    const xla::PrimitiveType kl_type = type == xla::F64 ? xla::F64 : xla::F32;
    Call(context, kForward, inputs,
         {DenseShape(type, shapes.z), DenseShape(kl_type, shapes.kl)});
  }
};

class GaussianSampleKlGradXlaOp : public SampleXlaKernel {
 public:
  using SampleXlaKernel::SampleXlaKernel;

  void Compile(XlaOpKernelContext* context) override {
    std::vector<TensorShape> inputs;
    SampleShapes shapes;
    OP_REQUIRES_OK(context, GetShapes(context, &inputs, &shapes));
    OP_REQUIRES_OK(context, CheckGradientInputs(shapes, inputs[3], inputs[4], inputs[5]));
    const xla::Shape shape = DenseShape(context->input_xla_type(0), shapes.mean);
    Call(context, kBackward, inputs, {shape, shape});
  }
};

// REGISTER_XLA_OP would be too late if the program had compiled anything before it loaded this
// library, since TensorFlow turns such registrations into kernels only once. So register kernels.
REGISTER_KERNEL_BUILDER(Name("Tfae>GaussianSampleKl").Device(tensorflow::DEVICE_CPU_XLA_JIT),
                        GaussianSampleKlXlaOp);
REGISTER_KERNEL_BUILDER(Name("Tfae>GaussianSampleKlGrad").Device(tensorflow::DEVICE_CPU_XLA_JIT),
                        GaussianSampleKlGradXlaOp);
#if defined(TFAE_CUDA)
REGISTER_KERNEL_BUILDER(Name("Tfae>GaussianSampleKl").Device(tensorflow::DEVICE_GPU_XLA_JIT),
                        GaussianSampleKlXlaOp);
REGISTER_KERNEL_BUILDER(Name("Tfae>GaussianSampleKlGrad").Device(tensorflow::DEVICE_GPU_XLA_JIT),
                        GaussianSampleKlGradXlaOp);
#endif

}  // namespace
}  // namespace tfae
