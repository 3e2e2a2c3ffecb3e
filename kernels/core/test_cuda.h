// An emulation of CUDA on the CPU, for tests: the parts that gaussian_sample_kl_cuda.cu uses. With
// this header included first, a .cu file is C++, and its kernels run without a GPU or nvcc.
//
// The threads of a block are fibers, which switch where they synchronise: at barriers and shuffles.
// Tests run them in two orders, which give different results if a barrier is missing.

#ifndef TFAE_KERNELS_CORE_TEST_CUDA_H_
#define TFAE_KERNELS_CORE_TEST_CUDA_H_

#include <gtest/gtest.h>
#include <ucontext.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#define __global__
#define __device__
#define __forceinline__ inline
#define __shared__ static  // one block runs at a time
#define __launch_bounds__(...)

struct __attribute__((aligned(16), may_alias)) uint4 {
  uint32_t x, y, z, w;
};

struct dim3 {
  dim3(unsigned x = 1, unsigned y = 1) : x(x), y(y) {}
  unsigned x, y;
};

struct CUstream_st {};
enum cudaError_t { cudaSuccess, cudaErrorInvalidConfiguration };
inline const char* cudaGetErrorString(cudaError_t) { return "invalid configuration argument"; }

inline dim3 gridDim, blockIdx, threadIdx;

namespace tfae {

class EmulatedGpu {
 public:
  static EmulatedGpu& Get() {
    static EmulatedGpu gpu;
    return gpu;
  }

  // The order in which the threads of a block run.
  bool last_thread_first = false;
  int64_t launches = 0;

  void Run(dim3 grid, int threads, std::function<void()> kernel) {
    ++launches;
    kernel_ = std::move(kernel);
    gridDim = grid;
    fibers_.resize(threads);
    for (blockIdx.y = 0; blockIdx.y < grid.y; ++blockIdx.y) {
      for (blockIdx.x = 0; blockIdx.x < grid.x; ++blockIdx.x) RunBlock();
    }
  }

  void Barrier() { Wait(kAtBarrier); }

  template <typename V>
  V ShuffleXor(uint32_t mask, V value, int distance) {
    EXPECT_EQ(mask, 0xFFFFFFFF);
    Fiber& fiber = *fibers_[current_];
    memcpy(fiber.value, &value, sizeof(value));
    fiber.distance = distance;
    Wait(kAtShuffle);
    memcpy(&value, fiber.value, sizeof(value));
    return value;
  }

 private:
  enum State { kReady, kAtBarrier, kAtShuffle, kDone };

  struct Fiber {
    ucontext_t context;
    State state;
    char value[sizeof(double)];
    int distance;
    std::vector<char> stack = std::vector<char>(64 << 10);
  };

  void RunBlock() {
    const int count = static_cast<int>(fibers_.size());
    for (auto& fiber : fibers_) {
      if (fiber == nullptr) fiber = std::make_unique<Fiber>();
      getcontext(&fiber->context);
      fiber->context.uc_stack.ss_sp = fiber->stack.data();
      fiber->context.uc_stack.ss_size = fiber->stack.size();
      fiber->context.uc_link = &scheduler_;
      fiber->state = kReady;
      makecontext(&fiber->context, [] { Get().RunThread(); }, 0);
    }
    while (CountOf(kDone, 0, count) < count) {
      for (int i = 0; i < count; ++i) {
        current_ = last_thread_first ? count - 1 - i : i;
        Fiber& fiber = *fibers_[current_];
        if (fiber.state != kReady) continue;
        threadIdx.x = current_;
        swapcontext(&scheduler_, &fiber.context);
      }
      bool progress = false;
      for (int warp = 0; warp < count; warp += 32) {
        if (CountOf(kAtShuffle, warp, warp + 32) == 32) {
          Shuffle(warp);
          progress = true;
        }
      }
      if (CountOf(kAtBarrier, 0, count) == count) {
        for (auto& fiber : fibers_) fiber->state = kReady;
        progress = true;
      }
      if (!progress && CountOf(kDone, 0, count) < count) {
        ADD_FAILURE() << "threads of a block wait for others that do not come";
        return;
      }
    }
  }

  void RunThread() {
    kernel_();
    fibers_[current_]->state = kDone;
  }

  void Wait(State state) {
    Fiber& fiber = *fibers_[current_];
    fiber.state = state;
    swapcontext(&fiber.context, &scheduler_);
  }

  int CountOf(State state, int begin, int end) const {
    int count = 0;
    for (int i = begin; i < end; ++i) count += fibers_[i]->state == state;
    return count;
  }

  void Shuffle(int warp) {
    char values[32][sizeof(double)];
    for (int lane = 0; lane < 32; ++lane) {
      memcpy(values[lane], fibers_[warp + lane]->value, sizeof(values[lane]));
    }
    for (int lane = 0; lane < 32; ++lane) {
      Fiber& fiber = *fibers_[warp + lane];
      EXPECT_EQ(fiber.distance, fibers_[warp]->distance);
      memcpy(fiber.value, values[lane ^ fiber.distance], sizeof(fiber.value));
      fiber.state = kReady;
    }
  }

  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::function<void()> kernel_;
  ucontext_t scheduler_;
  int current_ = 0;
};

}  // namespace tfae

inline void __syncthreads() { tfae::EmulatedGpu::Get().Barrier(); }

template <typename V>
V __shfl_xor_sync(uint32_t mask, V value, int distance) {
  return tfae::EmulatedGpu::Get().ShuffleXor(mask, value, distance);
}

template <typename Argument>
cudaError_t cudaLaunchKernel(void (*kernel)(Argument), dim3 grid, dim3 block, void** arguments,
                             size_t, CUstream_st*) {
  // The limits of a real GPU.
  if (grid.x == 0 || grid.x > 0x7FFFFFFF || grid.y == 0 || grid.y > 0xFFFF) {
    return cudaErrorInvalidConfiguration;
  }
  const std::remove_const_t<Argument>& argument = *static_cast<Argument*>(arguments[0]);
  tfae::EmulatedGpu::Get().Run(grid, block.x, [kernel, &argument] { kernel(argument); });
  return cudaSuccess;
}

#endif  // TFAE_KERNELS_CORE_TEST_CUDA_H_
