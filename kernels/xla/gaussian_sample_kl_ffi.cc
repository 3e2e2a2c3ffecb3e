// Adapts XLA's buffers and threads to the core. There is nothing of TensorFlow here.

#include "kernels/xla/gaussian_sample_kl_ffi.h"

#include <cstdint>
#include <functional>
#include <utility>

#include "kernels/core/gaussian_sample_kl.h"
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

// Calls `function` with a value of the type that the core has for a buffer's elements.
template <typename Function>
ffi::Error WithElement(const ffi::AnyBuffer& buffer, Function&& function) {
  switch (buffer.element_type()) {
    case ffi::F32:
      function(float{});
      break;
    case ffi::F64:
      function(double{});
      break;
    case ffi::F16:
      function(Half{});
      break;
    case ffi::BF16:
      function(Bfloat16{});
      break;
    default:
      return ffi::Error::InvalidArgument("mean must be f32, f16, bf16 or f64");
  }
  return ffi::Error::Success();
}

ffi::Error Forward(ffi::ThreadPool pool, ffi::AnyBuffer mean, ffi::AnyBuffer log_variance,
                   ffi::AnyBuffer seed, ffi::Result<ffi::AnyBuffer> z,
                   ffi::Result<ffi::AnyBuffer> kl) {
  return WithElement(mean, [&](auto element) {
    using T = decltype(element);
    GaussianSampleKl<T>(DeviceOf(&pool), ShapeOf(mean, *z),
                        {Data<T>(mean), Data<T>(log_variance), StreamOf(seed), Data<T>(*z),
                         Data<ComputeType<T>>(*kl)});
  });
}

ffi::Error Backward(ffi::ThreadPool pool, ffi::AnyBuffer mean, ffi::AnyBuffer log_variance,
                    ffi::AnyBuffer seed, ffi::AnyBuffer z, ffi::AnyBuffer z_gradient,
                    ffi::AnyBuffer kl_gradient, ffi::Result<ffi::AnyBuffer> mean_gradient,
                    ffi::Result<ffi::AnyBuffer> log_variance_gradient) {
  return WithElement(mean, [&](auto element) {
    using T = decltype(element);
    GaussianSampleKlGradient<T>(
        DeviceOf(&pool), ShapeOf(mean, z),
        {Data<T>(mean), Data<T>(log_variance), StreamOf(seed), Data<T>(z), Data<T>(z_gradient),
         Data<ComputeType<T>>(kl_gradient), Data<T>(*mean_gradient),
         Data<T>(*log_variance_gradient)});
  });
}

}  // namespace
}  // namespace tfae

XLA_FFI_DEFINE_HANDLER_SYMBOL(TfaeGaussianSampleKlCpu, tfae::Forward,
                              xla::ffi::Ffi::Bind()
                                  .Ctx<xla::ffi::ThreadPool>()
                                  .Arg<xla::ffi::AnyBuffer>()
                                  .Arg<xla::ffi::AnyBuffer>()
                                  .Arg<xla::ffi::AnyBuffer>()
                                  .Ret<xla::ffi::AnyBuffer>()
                                  .Ret<xla::ffi::AnyBuffer>());

XLA_FFI_DEFINE_HANDLER_SYMBOL(TfaeGaussianSampleKlGradCpu, tfae::Backward,
                              xla::ffi::Ffi::Bind()
                                  .Ctx<xla::ffi::ThreadPool>()
                                  .Arg<xla::ffi::AnyBuffer>()
                                  .Arg<xla::ffi::AnyBuffer>()
                                  .Arg<xla::ffi::AnyBuffer>()
                                  .Arg<xla::ffi::AnyBuffer>()
                                  .Arg<xla::ffi::AnyBuffer>()
                                  .Arg<xla::ffi::AnyBuffer>()
                                  .Ret<xla::ffi::AnyBuffer>()
                                  .Ret<xla::ffi::AnyBuffer>());
