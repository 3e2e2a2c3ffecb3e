// The fused op's kernels for NVIDIA GPUs, only in libraries that are built with CUDA.

#if defined(TFAE_CUDA)

#include <cstdint>

#include "absl/status/status.h"
#include "kernels/core/gaussian_sample_kl_cuda.h"
#include "kernels/tensorflow/sample_kernels.h"
#include "tensorflow/core/framework/device_base.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "xla/stream_executor/stream.h"

namespace tfae {
namespace {

CUstream_st* StreamOf(OpKernelContext* context) {
  return static_cast<CUstream_st*>(
      context->op_device_context()->stream()->platform_specific_handle().stream);
}

absl::Status StatusOf(const char* error) {
  return error == nullptr ? absl::OkStatus() : absl::InternalError(error);
}

struct Gpu {
  // The seed is in GPU memory too: copying it here would mean waiting for the GPU.
  using Noise = DeviceSeed;

  static DeviceSeed NoiseOf(const Tensor& seed) {
    return {seed.data(), seed.dtype() == tensorflow::DT_INT64};
  }

  template <typename T>
  static absl::Status Run(OpKernelContext* context, SampleShape shape,
                          const ForwardTensors<T, DeviceSeed>& tensors) {
    CudaDevice device = {StreamOf(context)};
    Tensor workspace;  // only later kernels of this stream can reuse its memory
    if (const int64_t bytes = WorkspaceBytes<T>(shape); bytes > 0) {
      TF_RETURN_IF_ERROR(
          context->allocate_temp(tensorflow::DT_UINT8, TensorShape({bytes}), &workspace));
      device.workspace = workspace.data();
    }
    return StatusOf(GaussianSampleKl<T>(device, shape, tensors));
  }

  template <typename T>
  static absl::Status Run(OpKernelContext* context, SampleShape shape,
                          const BackwardTensors<T, DeviceSeed>& tensors) {
    return StatusOf(GaussianSampleKlGradient<T>({StreamOf(context)}, shape, tensors));
  }
};

TFAE_REGISTER_KERNELS(DEVICE_GPU, Gpu)

}  // namespace
}  // namespace tfae

#endif  // TFAE_CUDA
