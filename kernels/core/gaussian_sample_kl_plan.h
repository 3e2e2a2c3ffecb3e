// Assigns the elements of the fused op's tensors to the threads of a GPU. The plan depends only on
// their shape, so results are the same on every GPU, and tests need no GPU.
//
// A thread works on one group of elements at a time: at least 16 bytes, in whole blocks of noise. A
// team of threads works on the groups of one row, or of one part of a long row. If a row does not
// begin at the start of a group, it shares this group with the previous row, and each team works
// only on the elements of its own row.

#ifndef TFAE_KERNELS_CORE_GAUSSIAN_SAMPLE_KL_PLAN_H_
#define TFAE_KERNELS_CORE_GAUSSIAN_SAMPLE_KL_PLAN_H_

#include <cstdint>

#include "kernels/core/gaussian_sample_kl.h"

namespace tfae {

// Elements of a group: 4 of float and double, 8 of Half and Bfloat16.
template <typename T>
constexpr int kGroup = sizeof(T) < 4 ? 16 / sizeof(T) : 4;

constexpr int kWarp = 32;
constexpr int kCudaThreads = 256;  // per block
// Threads that keep a large GPU busy; the 132 multiprocessors of an H100 hold twice as many.
constexpr int64_t kBusyThreads = int64_t{1} << 17;
// Enough blocks to balance the load at the end, few enough for each to do much work.
constexpr int64_t kMostBlocks = int64_t{1} << 14;

struct CudaPlan {
  int log2_lanes;           // log2 of the threads of a team: up to kWarp, or kCudaThreads
  int64_t parts;            // teams per row; above 1 only if a team is a whole block
  int64_t groups_per_part;  // maximum number
  int64_t blocks;           // for the teams of all rows
  int sample_slices;        // copies of the blocks; copy i draws samples i, i + sample_slices, ...

  TFAE_INLINE int lanes() const { return 1 << log2_lanes; }
  TFAE_INLINE int teams_per_block() const { return kCudaThreads >> log2_lanes; }
};

TFAE_INLINE constexpr int64_t CeilingOfQuotient(int64_t a, int64_t b) { return (a + b - 1) / b; }

// `slice_samples` says whether samples may be drawn by different teams.
inline CudaPlan PlanOf(SampleShape shape, int group, bool slice_samples) {
  // The maximum number of groups in a row, which begins at most `offset` elements into a group.
  const int64_t power_of_2 = shape.columns & -shape.columns;  // the largest that divides it
  const int64_t offset = power_of_2 < group ? group - power_of_2 : 0;
  const int64_t groups = CeilingOfQuotient(offset + shape.columns, group);
  const int64_t all = shape.rows * groups;

  // Once all threads have a group, give each several, which saves the cost of starting threads.
  const int64_t each = all / kBusyThreads < 1 ? 1 : all / kBusyThreads < 4 ? all / kBusyThreads : 4;
  const int64_t threads_per_row = CeilingOfQuotient(groups, each);
  CudaPlan plan = {0, 1, groups, 0, 1};
  // The number of groups that each thread works on, one after another, for teams of this size.
  const auto rounds = [&](int64_t lanes) {
    return CeilingOfQuotient(shape.rows * lanes, kBusyThreads) * CeilingOfQuotient(groups, lanes);
  };
  const int64_t warps = rounds(kWarp);
  const int64_t whole_blocks = rounds(kCudaThreads);
  if (threads_per_row <= kWarp || warps < whole_blocks ||
      (warps == whole_blocks && groups < kCudaThreads)) {
    while (plan.lanes() < kWarp && plan.lanes() < threads_per_row) ++plan.log2_lanes;
  } else {
    while (plan.lanes() < kCudaThreads) ++plan.log2_lanes;
    // A few long rows: split them, but leave every thread at least two groups.
    const int64_t useful = CeilingOfQuotient(groups, 2 * kCudaThreads);
    const int64_t missing = kBusyThreads / kCudaThreads / (shape.rows < 1 ? 1 : shape.rows);
    const int64_t parts = useful < missing ? useful : missing;
    if (parts > 1) {
      plan.groups_per_part = CeilingOfQuotient(groups, parts);
      plan.parts = CeilingOfQuotient(groups, plan.groups_per_part);
    }
  }
  const int64_t teams = shape.rows * plan.parts;
  const int64_t blocks = CeilingOfQuotient(teams, plan.teams_per_block());
  plan.blocks = blocks < kMostBlocks ? blocks : kMostBlocks;
  if (slice_samples && blocks > 0) {
    const int64_t missing = kBusyThreads / kCudaThreads / blocks;
    const int64_t slices = missing < shape.samples ? missing : shape.samples;
    plan.sample_slices = slices < 1 ? 1 : static_cast<int>(slices);
  }
  return plan;
}

// The work of a team: groups [first_group, end_group), and of their elements those in [begin, end),
// which belong to the row. Elements are counted in `mean`.
struct Part {
  int64_t row;
  int64_t begin;
  int64_t end;
  int64_t first_group;
  int64_t end_group;
};

template <int kGroupSize>
TFAE_INLINE Part PartOf(const CudaPlan& plan, int64_t columns, int64_t team) {
  Part part;
  part.row = plan.parts == 1 ? team : team / plan.parts;
  part.begin = part.row * columns;
  part.end = part.begin + columns;
  part.first_group = part.begin / kGroupSize;
  part.end_group = CeilingOfQuotient(part.end, kGroupSize);
  if (plan.parts > 1) {
    part.first_group += (team - part.row * plan.parts) * plan.groups_per_part;
    const int64_t end_group = part.first_group + plan.groups_per_part;
    if (end_group < part.end_group) part.end_group = end_group;
  }
  return part;
}

}  // namespace tfae

#endif  // TFAE_KERNELS_CORE_GAUSSIAN_SAMPLE_KL_PLAN_H_
