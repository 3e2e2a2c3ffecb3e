// Adapts XLA's buffers, threads and streams to the core, without TensorFlow.

#include "kernels/xla/gaussian_sample_kl_ffi.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "kernels/core/gaussian_sample_kl.h"
#include "kernels/core/gaussian_sample_kl_cuda.h"
#include "kernels/core/sample_arguments.h"
#include "xla/ffi/api/ffi.h"

namespace tfae {
namespace {

namespace ffi = xla::ffi;

CpuDevice DeviceOf(ffi::ThreadPool* pool) {
  CpuDevice device;
  device.threads.count = static_cast<int>(pool->num_threads());
  device.threads.schedule = [pool](std::function<void()> work) { pool->Schedule(std::move(work)); };
  return device;
}

// XLA's name of a type, for the types that are likely to occur.
const char* NameOf(ffi::DataType type) {
  switch (type) {
    case ffi::F32:
      return "f32";
    case ffi::F64:
      return "f64";
    case ffi::F16:
      return "f16";
    case ffi::BF16:
      return "bf16";
    case ffi::S32:
      return "s32";
    case ffi::S64:
      return "s64";
    case ffi::U32:
      return "u32";
    case ffi::U64:
      return "u64";
    default:
      return "another type";
  }
}

Argument ArgumentOf(const char* name, const ffi::AnyBuffer& buffer) {
  const auto sizes = buffer.dimensions();
  return {name, NameOf(buffer.element_type()), sizes.begin(), sizes.size()};
}

// Attributes such as num_samples would otherwise be ignored silently.
ffi::Error ErrorOfCheck(const ffi::Dictionary& attributes, const std::string& wrong) {
  if (attributes.size() > 0) {
    return ffi::Error::InvalidArgument("there are no attributes, but the call has one named " +
                                       std::string(*attributes.begin()));
  }
  return wrong.empty() ? ffi::Error::Success() : ffi::Error::InvalidArgument(wrong);
}

ffi::Error CheckForwardBuffers(const ffi::Dictionary& attributes, const ffi::AnyBuffer& mean,
                               const ffi::AnyBuffer& log_variance, const ffi::AnyBuffer& seed,
                               const ffi::AnyBuffer& z, const ffi::AnyBuffer& kl,
                               SampleShape* shape) {
  return ErrorOfCheck(
      attributes,
      CheckForward(ArgumentOf("mean", mean), ArgumentOf("log_variance", log_variance),
                   ArgumentOf("seed", seed), ArgumentOf("z", z), ArgumentOf("kl", kl), shape));
}

ffi::Error CheckBackwardBuffers(const ffi::Dictionary& attributes, const ffi::AnyBuffer& mean,
                                const ffi::AnyBuffer& log_variance, const ffi::AnyBuffer& seed,
                                const ffi::AnyBuffer& z, const ffi::AnyBuffer& z_gradient,
                                const ffi::AnyBuffer& kl_gradient,
                                const ffi::AnyBuffer& mean_gradient,
                                const ffi::AnyBuffer& log_variance_gradient, SampleShape* shape) {
  return ErrorOfCheck(
      attributes,
      CheckBackward(ArgumentOf("mean", mean), ArgumentOf("log_variance", log_variance),
                    ArgumentOf("seed", seed), ArgumentOf("z", z),
                    ArgumentOf("z_gradient", z_gradient), ArgumentOf("kl_gradient", kl_gradient),
                    ArgumentOf("mean_gradient", mean_gradient),
                    ArgumentOf("log_variance_gradient", log_variance_gradient), shape));
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

// Calls `function` with a value of the core's type for a buffer's elements; returns its result.
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
      return ffi::Error::Internal("no such type passes the checks");
  }
}

// The arguments and results of both passes, without those that come from XLA itself.
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
  return {Data<T>(mean),
          Data<T>(log_variance),
          noise,
          Data<T>(z),
          Data<T>(z_gradient),
          Data<ComputeType<T>>(kl_gradient),
          Data<T>(mean_gradient),
          Data<T>(log_variance_gradient)};
}

ffi::Error ForwardCpu(ffi::ThreadPool pool, ffi::Dictionary attributes, ffi::AnyBuffer mean,
                      ffi::AnyBuffer log_variance, ffi::AnyBuffer seed,
                      ffi::Result<ffi::AnyBuffer> z, ffi::Result<ffi::AnyBuffer> kl) {
  SampleShape shape;
  if (ffi::Error error = CheckForwardBuffers(attributes, mean, log_variance, seed, *z, *kl, &shape);
      error.failure()) {
    return error;
  }
  return WithElement(mean, [&](auto element) {
    using T = decltype(element);
    GaussianSampleKl<T>(DeviceOf(&pool), shape,
                        TensorsOf<T>(StreamOf(seed), mean, log_variance, *z, *kl));
    return ffi::Error::Success();
  });
}

ffi::Error BackwardCpu(ffi::ThreadPool pool, ffi::Dictionary attributes, ffi::AnyBuffer mean,
                       ffi::AnyBuffer log_variance, ffi::AnyBuffer seed, ffi::AnyBuffer z,
                       ffi::AnyBuffer z_gradient, ffi::AnyBuffer kl_gradient,
                       ffi::Result<ffi::AnyBuffer> mean_gradient,
                       ffi::Result<ffi::AnyBuffer> log_variance_gradient) {
  SampleShape shape;
  if (ffi::Error error =
          CheckBackwardBuffers(attributes, mean, log_variance, seed, z, z_gradient, kl_gradient,
                               *mean_gradient, *log_variance_gradient, &shape);
      error.failure()) {
    return error;
  }
  return WithElement(mean, [&](auto element) {
    using T = decltype(element);
    GaussianSampleKlGradient<T>(DeviceOf(&pool), shape,
                                TensorsOf<T>(StreamOf(seed), mean, log_variance, z, z_gradient,
                                             kl_gradient, *mean_gradient, *log_variance_gradient));
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

ffi::Error ForwardCuda(CUstream_st* stream, ffi::ScratchAllocator allocator,
                       ffi::Dictionary attributes, ffi::AnyBuffer mean, ffi::AnyBuffer log_variance,
                       ffi::AnyBuffer seed, ffi::Result<ffi::AnyBuffer> z,
                       ffi::Result<ffi::AnyBuffer> kl) {
  SampleShape shape;
  if (ffi::Error error = CheckForwardBuffers(attributes, mean, log_variance, seed, *z, *kl, &shape);
      error.failure()) {
    return error;
  }
  return WithElement(mean, [&](auto element) {
    using T = decltype(element);
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

ffi::Error BackwardCuda(CUstream_st* stream, ffi::Dictionary attributes, ffi::AnyBuffer mean,
                        ffi::AnyBuffer log_variance, ffi::AnyBuffer seed, ffi::AnyBuffer z,
                        ffi::AnyBuffer z_gradient, ffi::AnyBuffer kl_gradient,
                        ffi::Result<ffi::AnyBuffer> mean_gradient,
                        ffi::Result<ffi::AnyBuffer> log_variance_gradient) {
  SampleShape shape;
  if (ffi::Error error =
          CheckBackwardBuffers(attributes, mean, log_variance, seed, z, z_gradient, kl_gradient,
                               *mean_gradient, *log_variance_gradient, &shape);
      error.failure()) {
    return error;
  }
  return WithElement(mean, [&](auto element) {
    using T = decltype(element);
    return ErrorOf(GaussianSampleKlGradient<T>(
        {stream}, shape,
        TensorsOf<T>(DeviceSeedOf(seed), mean, log_variance, z, z_gradient, kl_gradient,
                     *mean_gradient, *log_variance_gradient)));
  });
}
#endif  // TFAE_CUDA

// Adds the tensors of each pass to the arguments from XLA.
template <typename Binding>
auto BindForward(Binding binding) {
  return std::move(binding)
      .template Attrs<ffi::Dictionary>()
      .template Arg<ffi::AnyBuffer>()
      .template Arg<ffi::AnyBuffer>()
      .template Arg<ffi::AnyBuffer>()
      .template Ret<ffi::AnyBuffer>()
      .template Ret<ffi::AnyBuffer>();
}

template <typename Binding>
auto BindBackward(Binding binding) {
  return std::move(binding)
      .template Attrs<ffi::Dictionary>()
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

XLA_FFI_DEFINE_HANDLER_SYMBOL(
    TfaeGaussianSampleKlGradCpu, tfae::BackwardCpu,
    tfae::BindBackward(xla::ffi::Ffi::Bind().Ctx<xla::ffi::ThreadPool>()));

#if defined(TFAE_CUDA)
XLA_FFI_DEFINE_HANDLER_SYMBOL(TfaeGaussianSampleKlCuda, tfae::ForwardCuda,
                              tfae::BindForward(xla::ffi::Ffi::Bind()
                                                    .Ctx<xla::ffi::PlatformStream<CUstream_st*>>()
                                                    .Ctx<xla::ffi::ScratchAllocator>()));

XLA_FFI_DEFINE_HANDLER_SYMBOL(
    TfaeGaussianSampleKlGradCuda, tfae::BackwardCuda,
    tfae::BindBackward(xla::ffi::Ffi::Bind().Ctx<xla::ffi::PlatformStream<CUstream_st*>>()));
#endif
