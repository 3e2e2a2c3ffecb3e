// Sharing out independent tasks among the threads of somebody else's pool.

#ifndef TFAE_KERNELS_CORE_PARALLEL_FOR_H_
#define TFAE_KERNELS_CORE_PARALLEL_FOR_H_

#include <cstdint>
#include <functional>

namespace tfae {

// A pool of threads: how many there are, and how to give one of them work.
struct Threads {
  int count = 1;
  std::function<void(std::function<void()>)> schedule;
};

// Calls `body(begin, end)` for ranges that make up [0, tasks), on the calling thread and at most
// `threads.count - 1` others, so that each has at least `tasks_per_thread`. Returns when all are
// done. The calling thread never waits for work that has not begun, so it may belong to the pool.
void ParallelFor(const Threads& threads, int64_t tasks, int64_t tasks_per_thread,
                 const std::function<void(int64_t begin, int64_t end)>& body);

}  // namespace tfae

#endif  // TFAE_KERNELS_CORE_PARALLEL_FOR_H_
