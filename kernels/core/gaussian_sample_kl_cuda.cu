// The CUDA kernels. gaussian_sample_kl_plan.h assigns elements to threads.

#include "kernels/core/gaussian_sample_kl_cuda.h"

#include <cstdint>
#include <cstring>

#include "kernels/core/gaussian_sample_kl_plan.h"

namespace tfae {
namespace {

// Limits registers so that a multiprocessor can hold this many blocks of threads. The larger groups
// of the other types need more registers.
template <typename T>
constexpr int kResidentBlocks = sizeof(T) == 4 ? 4 : 3;
#define TFAE_KERNEL __global__ void __launch_bounds__(kCudaThreads, kResidentBlocks<T>)

template <typename T>
struct ForwardCall {
  SampleShape shape;
  CudaPlan plan;
  ForwardTensors<T, DeviceSeed> tensors;
  ComputeType<T>* part_sums;  // [rows, plan.parts]
};

template <typename T>
struct BackwardCall {
  SampleShape shape;
  CudaPlan plan;
  BackwardTensors<T, DeviceSeed> tensors;
};

__device__ PhiloxStream StreamOf(const DeviceSeed& seed) {
  if (seed.wide) {
    const int64_t* words = static_cast<const int64_t*>(seed.words);
    return StreamOfSeed(words[0], words[1]);
  }
  const int32_t* words = static_cast<const int32_t*>(seed.words);
  return StreamOfSeed(int64_t{words[0]}, int64_t{words[1]});
}

// The elements of a group that belong to a team: [begin, end) of the group.
struct Span {
  int begin;
  int end;
};

template <typename T>
__device__ __forceinline__ Span SpanOf(const Part& part, int64_t group) {
  const int64_t first = group * kGroup<T>;
  return {first < part.begin ? static_cast<int>(part.begin - first) : 0,
          part.end - first < kGroup<T> ? static_cast<int>(part.end - first) : kGroup<T>};
}

// Loads a team's elements of the group at `source`, converted to the type of the computation, with
// zeros for other elements. kVector: the group is aligned to 16 bytes.
template <typename T, bool kVector>
__device__ __forceinline__ void LoadGroup(const T* source, Span span,
                                          ComputeType<T> (&values)[kGroup<T>]) {
  if (kVector && span.begin == 0 && span.end == kGroup<T>) {
    constexpr int kVectors = kGroup<T> * sizeof(T) / sizeof(uint4);
    uint4 vectors[kVectors];
#pragma unroll
    for (int i = 0; i < kVectors; ++i) vectors[i] = reinterpret_cast<const uint4*>(source)[i];
    T elements[kGroup<T>];
    memcpy(elements, vectors, sizeof(elements));
#pragma unroll
    for (int i = 0; i < kGroup<T>; ++i) values[i] = Load(elements[i]);
  } else {
#pragma unroll
    for (int i = 0; i < kGroup<T>; ++i) {
      values[i] = span.begin <= i && i < span.end ? Load(source[i]) : ComputeType<T>{0};
    }
  }
}

template <typename T, bool kVector>
__device__ __forceinline__ void StoreGroup(const ComputeType<T> (&values)[kGroup<T>], Span span,
                                           T* target) {
  if (kVector && span.begin == 0 && span.end == kGroup<T>) {
    T elements[kGroup<T>];
#pragma unroll
    for (int i = 0; i < kGroup<T>; ++i) Store(values[i], &elements[i]);
    constexpr int kVectors = kGroup<T> * sizeof(T) / sizeof(uint4);
    uint4 vectors[kVectors];
    memcpy(vectors, elements, sizeof(elements));
#pragma unroll
    for (int i = 0; i < kVectors; ++i) reinterpret_cast<uint4*>(target)[i] = vectors[i];
  } else {
#pragma unroll
    for (int i = 0; i < kGroup<T>; ++i) {
      if (span.begin <= i && i < span.end) Store(values[i], &target[i]);
    }
  }
}

// Draws the noise of elements [first, first + kCount) of z. kAligned: they are whole blocks.
template <int kCount, bool kAligned>
__device__ __forceinline__ void DrawNoise(const PhiloxStream& stream, int64_t first,
                                          float (&noise)[kCount]) {
  constexpr int kDrawn = kAligned ? kCount : kCount + 4;
  float drawn[kDrawn];
#pragma unroll
  for (int i = 0; i < kDrawn; i += 4) {
    const uint64_t block = static_cast<uint64_t>(first) / 4 + i / 4;
    uint32_t words[4] = {static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32),
                         stream.counter[0], stream.counter[1]};
    PhiloxBlock(stream.key[0], stream.key[1], words);
    BoxMuller(words[0], words[1], &drawn[i], &drawn[i + 1]);
    BoxMuller(words[2], words[3], &drawn[i + 2], &drawn[i + 3]);
  }
  if constexpr (!kAligned) {
    // Shifts by 0 to 3 in two steps: an index known only at run time would move the array from
    // registers to memory.
#pragma unroll
    for (int i = 0; i + 1 < kDrawn; ++i) drawn[i] = first & 1 ? drawn[i + 1] : drawn[i];
#pragma unroll
    for (int i = 0; i < kCount; ++i) drawn[i] = first & 2 ? drawn[i + 2] : drawn[i];
  }
#pragma unroll
  for (int i = 0; i < kCount; ++i) noise[i] = drawn[i];
}

// The sum over a team, returned to all its threads. All threads of a block must call it together.
template <typename C>
__device__ C SumOfTeam(C sum, int lanes) {
  for (int distance = (lanes < kWarp ? lanes : kWarp) / 2; distance > 0; distance /= 2) {
    sum += __shfl_xor_sync(0xFFFFFFFF, sum, distance);
  }
  if (lanes > kWarp) {
    __shared__ C of_warps[kCudaThreads / kWarp];
    if (threadIdx.x % kWarp == 0) of_warps[threadIdx.x / kWarp] = sum;
    __syncthreads();
    sum = 0;
#pragma unroll
    for (int warp = 0; warp < kCudaThreads / kWarp; ++warp) sum += of_warps[warp];
    __syncthreads();  // before the next sum is written there
  }
  return sum;
}

// kVector: every group is aligned to 16 bytes and to blocks of noise, in all tensors and samples.
template <typename T, bool kVector>
TFAE_KERNEL ForwardKernel(const ForwardCall<T> call) {
  using C = ComputeType<T>;
  const CudaPlan& plan = call.plan;
  const ForwardTensors<T, DeviceSeed>& tensors = call.tensors;
  const PhiloxStream stream = StreamOf(tensors.noise);
  const int64_t sample_size = call.shape.rows * call.shape.columns;
  const int64_t teams = call.shape.rows * plan.parts;
  const int64_t first_of_block = static_cast<int64_t>(blockIdx.x) * plan.teams_per_block();
  const int64_t step = static_cast<int64_t>(gridDim.x) * plan.teams_per_block();
  const int lane = threadIdx.x & (plan.lanes() - 1);

  // All threads of a block run the same number of iterations, since they synchronise in SumOfTeam.
  for (int64_t first_team = first_of_block; first_team < teams; first_team += step) {
    const int64_t team = first_team + (threadIdx.x >> plan.log2_lanes);
    int64_t row = 0;
    C sum = 0;
    if (team < teams) {
      const Part part = PartOf<kGroup<T>>(plan, call.shape.columns, team);
      row = part.row;
      for (int64_t group = part.first_group + lane; group < part.end_group; group += plan.lanes()) {
        const Span span = SpanOf<T>(part, group);
        const int64_t first = group * kGroup<T>;
        C mean[kGroup<T>], deviation[kGroup<T>];
        LoadGroup<T, kVector>(tensors.mean + first, span, mean);
        LoadGroup<T, kVector>(tensors.log_variance + first, span, deviation);
#pragma unroll
        for (int i = 0; i < kGroup<T>; ++i) {
          // An element that does not belong to the team adds 0 + 1 - 1 - 0.
          const C log_variance = deviation[i];
          deviation[i] = Exp(C{0.5} * log_variance);
          sum += mean[i] * mean[i] + deviation[i] * deviation[i] - C{1} - log_variance;
        }
        for (int64_t sample = blockIdx.y; sample < call.shape.samples; sample += gridDim.y) {
          const int64_t first_of_z = sample * sample_size + first;
          float noise[kGroup<T>];
          DrawNoise<kGroup<T>, kVector>(stream, first_of_z, noise);
          C z[kGroup<T>];
#pragma unroll
          for (int i = 0; i < kGroup<T>; ++i) {
            z[i] = mean[i] + deviation[i] * static_cast<C>(noise[i]);
          }
          StoreGroup<T, kVector>(z, span, tensors.z + first_of_z);
        }
      }
    }
    if (blockIdx.y == 0) {
      sum = SumOfTeam(sum, plan.lanes());
      if (lane == 0 && team < teams) {
        if (plan.parts == 1) {
          tensors.kl[row] = C{0.5} * sum;
        } else {
          call.part_sums[team] = sum;
        }
      }
    }
  }
}

// The second stage, for rows of several parts: one warp adds the sums of each row.
template <typename T>
TFAE_KERNEL SumPartsKernel(const ForwardCall<T> call) {
  using C = ComputeType<T>;
  const int64_t row =
      static_cast<int64_t>(blockIdx.x) * (kCudaThreads / kWarp) + threadIdx.x / kWarp;
  const int lane = threadIdx.x % kWarp;
  C sum = 0;
  if (row < call.shape.rows) {
    const C* of_row = call.part_sums + row * call.plan.parts;
    for (int64_t part = lane; part < call.plan.parts; part += kWarp) sum += of_row[part];
  }
  sum = SumOfTeam(sum, kWarp);
  if (lane == 0 && row < call.shape.rows) call.tensors.kl[row] = C{0.5} * sum;
}

template <typename T, bool kVector>
TFAE_KERNEL BackwardKernel(const BackwardCall<T> call) {
  using C = ComputeType<T>;
  const CudaPlan& plan = call.plan;
  const BackwardTensors<T, DeviceSeed>& tensors = call.tensors;
  const PhiloxStream stream = StreamOf(tensors.noise);
  const int64_t sample_size = call.shape.rows * call.shape.columns;
  const int64_t teams = call.shape.rows * plan.parts;
  const int64_t first_of_block = static_cast<int64_t>(blockIdx.x) * plan.teams_per_block();
  const int64_t step = static_cast<int64_t>(gridDim.x) * plan.teams_per_block();
  const int lane = threadIdx.x & (plan.lanes() - 1);

  for (int64_t team = first_of_block + (threadIdx.x >> plan.log2_lanes); team < teams;
       team += step) {
    const Part part = PartOf<kGroup<T>>(plan, call.shape.columns, team);
    const C kl_gradient = tensors.kl_gradient[part.row];
    for (int64_t group = part.first_group + lane; group < part.end_group; group += plan.lanes()) {
      const Span span = SpanOf<T>(part, group);
      const int64_t first = group * kGroup<T>;
      C mean[kGroup<T>], log_variance[kGroup<T>];
      LoadGroup<T, kVector>(tensors.mean + first, span, mean);
      LoadGroup<T, kVector>(tensors.log_variance + first, span, log_variance);
      C gradient_sum[kGroup<T>] = {}, step_sum[kGroup<T>] = {};
      for (int64_t sample = 0; sample < call.shape.samples; ++sample) {
        const int64_t first_of_z = sample * sample_size + first;
        C gradient[kGroup<T>];
        LoadGroup<T, kVector>(tensors.z_gradient + first_of_z, span, gradient);
        float noise[kGroup<T>];
        DrawNoise<kGroup<T>, kVector>(stream, first_of_z, noise);
#pragma unroll
        for (int i = 0; i < kGroup<T>; ++i) {
          gradient_sum[i] += gradient[i];
          step_sum[i] += gradient[i] * static_cast<C>(noise[i]);
        }
      }
#pragma unroll
      for (int i = 0; i < kGroup<T>; ++i) {
        const C deviation = Exp(C{0.5} * log_variance[i]);
        gradient_sum[i] += kl_gradient * mean[i];
        step_sum[i] =
            C{0.5} * (step_sum[i] * deviation + kl_gradient * (deviation * deviation - C{1}));
      }
      // Stored only now, since they may share memory with the tensors that were read.
      StoreGroup<T, kVector>(gradient_sum, span, tensors.mean_gradient + first);
      StoreGroup<T, kVector>(step_sum, span, tensors.log_variance_gradient + first);
    }
  }
}

template <typename... Pointers>
bool AreAligned(const Pointers*... pointers) {
  return ((reinterpret_cast<uintptr_t>(pointers) % sizeof(uint4) == 0) && ...);
}

// Whether groups of elements of mean are also groups of elements of z.
template <typename T>
bool SamplesAreAligned(SampleShape shape) {
  return shape.samples <= 1 || shape.rows * shape.columns % kGroup<T> == 0;
}

template <typename Call>
const char* Launch(void (*kernel)(Call), Call call, dim3 blocks, CUstream_st* stream) {
  void* arguments[] = {&call};
  const cudaError_t error =
      cudaLaunchKernel(kernel, blocks, dim3(kCudaThreads), arguments, /*sharedMem=*/0, stream);
  return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}

}  // namespace

template <typename T>
int64_t WorkspaceBytes(SampleShape shape) {
  const CudaPlan plan = PlanOf(shape, kGroup<T>, /*slice_samples=*/true);
  return plan.parts == 1 ? 0 : shape.rows * plan.parts * sizeof(ComputeType<T>);
}

template <typename T>
const char* GaussianSampleKl(const CudaDevice& device, SampleShape shape,
                             const ForwardTensors<T, DeviceSeed>& tensors) {
  if (shape.rows == 0) return nullptr;
  const ForwardCall<T> call = {shape, PlanOf(shape, kGroup<T>, /*slice_samples=*/true), tensors,
                               static_cast<ComputeType<T>*>(device.workspace)};
  const bool vector = SamplesAreAligned<T>(shape) &&
                      AreAligned(tensors.mean, tensors.log_variance, tensors.z);
  const dim3 blocks(static_cast<unsigned>(call.plan.blocks), call.plan.sample_slices);
  const char* error = Launch(vector ? ForwardKernel<T, true> : ForwardKernel<T, false>, call,
                             blocks, device.stream);
  if (error != nullptr || call.plan.parts == 1) return error;
  const dim3 warps(static_cast<unsigned>(CeilingOfQuotient(shape.rows, kCudaThreads / kWarp)));
  return Launch(SumPartsKernel<T>, call, warps, device.stream);
}

template <typename T>
const char* GaussianSampleKlGradient(const CudaDevice& device, SampleShape shape,
                                     const BackwardTensors<T, DeviceSeed>& tensors) {
  if (shape.rows == 0 || shape.columns == 0) return nullptr;
  const BackwardCall<T> call = {shape, PlanOf(shape, kGroup<T>, /*slice_samples=*/false), tensors};
  const bool vector = SamplesAreAligned<T>(shape) &&
                      AreAligned(tensors.mean, tensors.log_variance, tensors.z_gradient,
                                 tensors.mean_gradient, tensors.log_variance_gradient);
  return Launch(vector ? BackwardKernel<T, true> : BackwardKernel<T, false>, call,
                dim3(static_cast<unsigned>(call.plan.blocks)), device.stream);
}

#define TFAE_INSTANTIATE(T)                                                             \
  template int64_t WorkspaceBytes<T>(SampleShape);                                      \
  template const char* GaussianSampleKl<T>(const CudaDevice&, SampleShape,              \
                                           const ForwardTensors<T, DeviceSeed>&);       \
  template const char* GaussianSampleKlGradient<T>(const CudaDevice&, SampleShape,      \
                                                   const BackwardTensors<T, DeviceSeed>&);
TFAE_INSTANTIATE(float)
TFAE_INSTANTIATE(double)
TFAE_INSTANTIATE(Half)
TFAE_INSTANTIATE(Bfloat16)
#undef TFAE_INSTANTIATE
#undef TFAE_KERNEL

}  // namespace tfae
