#include "kernels/core/parallel_for.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>

namespace tfae {
namespace {

// Outlives ParallelFor if a thread of the pool begins only after all work is done.
struct Work {
  const std::function<void(int64_t, int64_t)>* body;
  int64_t tasks;
  int64_t tasks_per_turn;
  std::atomic<int64_t> next{0};
  std::atomic<int64_t> unfinished;
  std::mutex mutex;
  std::condition_variable finished;

  // Takes ranges of tasks until none is left.
  void Run() {
    for (;;) {
      const int64_t begin = next.fetch_add(tasks_per_turn, std::memory_order_relaxed);
      if (begin >= tasks) return;
      const int64_t end = std::min(begin + tasks_per_turn, tasks);
      (*body)(begin, end);
      // A thread that sees that nothing is left also sees all results.
      if (unfinished.fetch_sub(end - begin, std::memory_order_acq_rel) == end - begin) {
        std::lock_guard<std::mutex> lock(mutex);
        finished.notify_all();
      }
    }
  }

  bool Done() const { return unfinished.load(std::memory_order_acquire) == 0; }

  void Wait() {
    // The others are busy with their last range, which takes less time than waking a thread.
    for (int spin = 0; spin < 2000; ++spin) {
      if (Done()) return;
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    }
    std::unique_lock<std::mutex> lock(mutex);
    finished.wait(lock, [this] { return Done(); });
  }
};

}  // namespace

void ParallelFor(const Threads& threads, int64_t tasks, int64_t tasks_per_thread,
                 const std::function<void(int64_t, int64_t)>& body) {
  const int64_t workers =
      std::max<int64_t>(1, std::min<int64_t>(threads.count, tasks / tasks_per_thread));
  if (workers == 1) {
    if (tasks > 0) body(0, tasks);
    return;
  }
  auto work = std::make_shared<Work>();
  work->body = &body;
  work->tasks = tasks;
  // Several ranges for each thread, since some threads may be late or interrupted.
  work->tasks_per_turn = std::max<int64_t>(1, tasks / (8 * workers));
  work->unfinished = tasks;
  for (int64_t i = 1; i < workers; ++i) {
    threads.schedule([work] { work->Run(); });
  }
  work->Run();
  work->Wait();
}

}  // namespace tfae
