// Adapts XLA's buffers, threads and streams to the core. There is nothing of TensorFlow here.

#include "kernels/xla/gaussian_sample_kl_ffi.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

#include "kernels/core/gaussian_sample_kl.h"
#include "kernels/core/gaussian_sample_kl_cuda.h"
#include "xla/ffi/api/ffi.h"

namespace tfae {
namespace {

namespace ffi = xla::ffi;

CpuDevice DeviceOf(ffi::ThreadPool* pool) {
  CpuDevice device;
  device.threads.count = static_cast<int>(pool->num_threads());
  device.threads.schedule = [pool](std::function<void()> work) {
    pool->Schedule(std::move(work));
  };
  return device;
}

SampleShape ShapeOf(const ffi::AnyBuffer& mean, const ffi::AnyBuffer& z) {
  const auto sizes = mean.dimensions();
  SampleShape shape = {1, 1, sizes.back()};
  for (size_t axis = 0; axis + 1 < sizes.size(); ++axis) shape.rows *= sizes[axis];
  if (z.dimensions().size() > sizes.size()) shape.samples = z.dimensions().front();
  return shape;
}

PhiloxStream StreamOf(const ffi::AnyBuffer& seed) {
  if (seed.element_type() == ffi::S64) {
    const int64_t* words = seed.typed_data<int64_t>();
    return StreamOfSeed(words[0], words[1]);
  }
  const int32_t* words = seed.typed_data<int32_t>();
  return StreamOfSeed(int64_t{words[0]}, int64_t{words[1]});
}

template <typename T>
T* Data(const ffi::AnyBuffer& buffer) {
  return static_cast<T*>(buffer.untyped_data());
}

// Calls `function` with a value of the type that the core has for a buffer's elements, and returns
// what it returns.
template <typename Function>
ffi::Error WithElement(const ffi::AnyBuffer& buffer, Function&& function) {
  switch (buffer.element_type()) {
    case ffi::F32:
      return function(float{});
    case ffi::F64:
      return function(double{});
    case ffi::F16:
      return function(Half{});
    case ffi::BF16:
      return function(Bfloat16{});
    default:
      return ffi::Error::InvalidArgument("mean must be f32, f16, bf16 or f64");
  }
}

// What both passes take and give, but for what comes from XLA itself.
template <typename T, typename Noise>
ForwardTensors<T, Noise> TensorsOf(Noise noise, const ffi::AnyBuffer& mean,
                                   const ffi::AnyBuffer& log_variance, const ffi::AnyBuffer& z,
                                   const ffi::AnyBuffer& kl) {
  return {Data<T>(mean), Data<T>(log_variance), noise, Data<T>(z), Data<ComputeType<T>>(kl)};
}

template <typename T, typename Noise>
BackwardTensors<T, Noise> TensorsOf(Noise noise, const ffi::AnyBuffer& mean,
                                    const ffi::AnyBuffer& log_variance, const ffi::AnyBuffer& z,
                                    const ffi::AnyBuffer& z_gradient,
                                    const ffi::AnyBuffer& kl_gradient,
                                    const ffi::AnyBuffer& mean_gradient,
                                    const ffi::AnyBuffer& log_variance_gradient) {
  return {Data<T>(mean),          Data<T>(log_variance),
          noise,                  Data<T>(z),
          Data<T>(z_gradient),    Data<ComputeType<T>>(kl_gradient),
          Data<T>(mean_gradient), Data<T>(log_variance_gradient)};
}

ffi::Error ForwardCpu(ffi::ThreadPool pool, ffi::AnyBuffer mean, ffi::AnyBuffer log_variance,
                      ffi::AnyBuffer seed, ffi::Result<ffi::AnyBuffer> z,
                      ffi::Result<ffi::AnyBuffer> kl) {
  return WithElement(mean, [&](auto element) {
    using T = decltype(element);
    GaussianSampleKl<T>(DeviceOf(&pool), ShapeOf(mean, *z),
                        TensorsOf<T>(StreamOf(seed), mean, log_variance, *z, *kl));
    return ffi::Error::Success();
  });
}

ffi::Error BackwardCpu(ffi::ThreadPool pool, ffi::AnyBuffer mean, ffi::AnyBuffer log_variance,
                       ffi::AnyBuffer seed, ffi::AnyBuffer z, ffi::AnyBuffer z_gradient,
                       ffi::AnyBuffer kl_gradient, ffi::Result<ffi::AnyBuffer> mean_gradient,
                       ffi::Result<ffi::AnyBuffer> log_variance_gradient) {
  return WithElement(mean, [&](auto element) {
    using T = decltype(element);
    GaussianSampleKlGradient<T>(
        DeviceOf(&pool), ShapeOf(mean, z),
        TensorsOf<T>(StreamOf(seed), mean, log_variance, z, z_gradient, kl_gradient,
                     *mean_gradient, *log_variance_gradient));
    return ffi::Error::Success();
  });
}

#if defined(TFAE_CUDA)
DeviceSeed DeviceSeedOf(const ffi::AnyBuffer& seed) {
  return {seed.untyped_data(), seed.element_type() == ffi::S64};
}

ffi::Error ErrorOf(const char* message) {
  return message == nullptr ? ffi::Error::Success() : ffi::Error::Internal(message);
}

ffi::Error ForwardCuda(CUstream_st* stream, ffi::ScratchAllocator allocator, ffi::AnyBuffer mean,
                       ffi::AnyBuffer log_variance, ffi::AnyBuffer seed,
                       ffi::Result<ffi::AnyBuffer> z, ffi::Result<ffi::AnyBuffer> kl) {
  return WithElement(mean, [&](auto element) {
    using T = decltype(element);
    const SampleShape shape = ShapeOf(mean, *z);
    CudaDevice device = {stream};
    if (const int64_t bytes = WorkspaceBytes<T>(shape); bytes > 0) {
      const std::optional<void*> workspace = allocator.Allocate(bytes, alignof(double));
      if (!workspace.has_value()) {
        return ffi::Error(ffi::ErrorCode::kResourceExhausted, "no memory for the sums of parts");
      }
      device.workspace = *workspace;
    }
    return ErrorOf(GaussianSampleKl<T>(
        device, shape, TensorsOf<T>(DeviceSeedOf(seed), mean, log_variance, *z, *kl)));
  });
}

ffi::Error BackwardCuda(CUstream_st* stream, ffi::AnyBuffer mean, ffi::AnyBuffer log_variance,
                        ffi::AnyBuffer seed, ffi::AnyBuffer z, ffi::AnyBuffer z_gradient,
                        ffi::AnyBuffer kl_gradient, ffi::Result<ffi::AnyBuffer> mean_gradient,
                        ffi::Result<ffi::AnyBuffer> log_variance_gradient) {
  return WithElement(mean, [&](auto element) {
    using T = decltype(element);
    return ErrorOf(GaussianSampleKlGradient<T>(
        {stream}, ShapeOf(mean, z),
        TensorsOf<T>(DeviceSeedOf(seed), mean, log_variance, z, z_gradient, kl_gradient,
                     *mean_gradient, *log_variance_gradient)));
  });
}
#endif  // TFAE_CUDA

// Adds the tensors of each pass to what it takes from XLA.
template <typename Binding>
auto BindForward(Binding binding) {
  return std::move(binding)
      .template Arg<ffi::AnyBuffer>()
      .template Arg<ffi::AnyBuffer>()
      .template Arg<ffi::AnyBuffer>()
      .template Ret<ffi::AnyBuffer>()
      .template Ret<ffi::AnyBuffer>();
}

template <typename Binding>
auto BindBackward(Binding binding) {
  return std::move(binding)
      .template Arg<ffi::AnyBuffer>()
      .template Arg<ffi::AnyBuffer>()
      .template Arg<ffi::AnyBuffer>()
      .template Arg<ffi::AnyBuffer>()
      .template Arg<ffi::AnyBuffer>()
      .template Arg<ffi::AnyBuffer>()
      .template Ret<ffi::AnyBuffer>()
      .template Ret<ffi::AnyBuffer>();
}

}  // namespace
}  // namespace tfae

XLA_FFI_DEFINE_HANDLER_SYMBOL(TfaeGaussianSampleKlCpu, tfae::ForwardCpu,
                              tfae::BindForward(xla::ffi::Ffi::Bind().Ctx<xla::ffi::ThreadPool>()));

XLA_FFI_DEFINE_HANDLER_SYMBOL(TfaeGaussianSampleKlGradCpu, tfae::BackwardCpu,
                              tfae::BindBackward(
                                  xla::ffi::Ffi::Bind().Ctx<xla::ffi::ThreadPool>()));

#if defined(TFAE_CUDA)
XLA_FFI_DEFINE_HANDLER_SYMBOL(TfaeGaussianSampleKlCuda, tfae::ForwardCuda,
                              tfae::BindForward(xla::ffi::Ffi::Bind()
                                                    .Ctx<xla::ffi::PlatformStream<CUstream_st*>>()
                                                    .Ctx<xla::ffi::ScratchAllocator>()));

XLA_FFI_DEFINE_HANDLER_SYMBOL(
    TfaeGaussianSampleKlGradCuda, tfae::BackwardCuda,
    tfae::BindBackward(
        xla::ffi::Ffi::Bind().Ctx<xla::ffi::PlatformStream<CUstream_st*>>()));
#endif
