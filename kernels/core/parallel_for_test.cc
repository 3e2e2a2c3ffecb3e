#include "kernels/core/parallel_for.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <vector>

#include "kernels/core/test_pool.h"

namespace tfae {
namespace {

TEST(ParallelFor, DoesEveryTaskOnce) {
  TestPool pool(3);
  for (int64_t tasks : {0, 1, 2, 7, 100, 10007}) {
    // Not atomic: the results of all threads are visible afterwards.
    std::vector<int> times(tasks);
    ParallelFor(pool.threads(), tasks, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) ++times[i];
    });
    EXPECT_EQ(times, std::vector<int>(tasks, 1));
  }
}

TEST(ParallelFor, LeavesLittleWorkToTheCaller) {
  Threads threads = {8, [](std::function<void()>) { FAIL() << "scheduled"; }};
  int calls = 0;
  ParallelFor(threads, 199, 100, [&](int64_t begin, int64_t end) {
    EXPECT_EQ(begin, 0);
    EXPECT_EQ(end, 199);
    ++calls;
  });
  EXPECT_EQ(calls, 1);
}

TEST(ParallelFor, NeedsNoThreadOfThePool) {
  // As when all threads are busy, until long after the call.
  std::vector<std::function<void()>> scheduled;
  Threads threads = {4, [&](std::function<void()> work) { scheduled.push_back(work); }};
  int64_t done = 0;
  ParallelFor(threads, 1000, 1, [&](int64_t begin, int64_t end) { done += end - begin; });
  EXPECT_EQ(done, 1000);
  EXPECT_EQ(scheduled.size(), 3);
  for (auto& work : scheduled) work();
  EXPECT_EQ(done, 1000);
}

TEST(ParallelFor, NestsInItsOwnPool) {
  TestPool pool(1);
  std::atomic<int64_t> done{0};
  ParallelFor(pool.threads(), 50, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      ParallelFor(pool.threads(), 20, 1, [&](int64_t b, int64_t e) { done += e - b; });
    }
  });
  EXPECT_EQ(done, 1000);
}

}  // namespace
}  // namespace tfae
