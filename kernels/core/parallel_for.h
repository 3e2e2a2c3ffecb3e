// Distributes independent tasks over the threads of a given pool.

#ifndef TFAE_KERNELS_CORE_PARALLEL_FOR_H_
#define TFAE_KERNELS_CORE_PARALLEL_FOR_H_

#include <cstdint>
#include <functional>

namespace tfae {

// A pool of threads: their number, and a function that gives one of them work.
struct Threads {
  int count = 1;
  std::function<void(std::function<void()>)> schedule;
};

// Calls `body(begin, end)` for ranges that together are [0, tasks), on the calling thread and at
// most `threads.count - 1` others, each with at least `tasks_per_thread` tasks. Returns when all
// are done. The calling thread never waits for work that has not begun, so it may belong to the
// pool.
void ParallelFor(const Threads& threads, int64_t tasks, int64_t tasks_per_thread,
                 const std::function<void(int64_t begin, int64_t end)>& body);

}  // namespace tfae

#endif  // TFAE_KERNELS_CORE_PARALLEL_FOR_H_
