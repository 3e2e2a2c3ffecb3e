// Threads for tests.

#ifndef TFAE_KERNELS_CORE_TEST_POOL_H_
#define TFAE_KERNELS_CORE_TEST_POOL_H_

#include <condition_variable>
#include <functional>
#include <mutex>
#include <queue>
#include <thread>
#include <utility>
#include <vector>

#include "kernels/core/parallel_for.h"

namespace tfae {

// Runs its work in the order in which it was given, and completes it before it is destroyed.
class TestPool {
 public:
  explicit TestPool(int count) {
    for (int i = 0; i < count; ++i) workers_.emplace_back([this] { Run(); });
  }

  ~TestPool() {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      closing_ = true;
    }
    changed_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

  void Schedule(std::function<void()> work) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      queue_.push(std::move(work));
    }
    changed_.notify_one();
  }

  Threads threads() {
    return {static_cast<int>(workers_.size()) + 1,
            [this](std::function<void()> work) { Schedule(std::move(work)); }};
  }

 private:
  void Run() {
    for (;;) {
      std::function<void()> work;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        changed_.wait(lock, [this] { return closing_ || !queue_.empty(); });
        if (queue_.empty()) return;
        work = std::move(queue_.front());
        queue_.pop();
      }
      work();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::queue<std::function<void()>> queue_;
  bool closing_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace tfae

#endif  // TFAE_KERNELS_CORE_TEST_POOL_H_
