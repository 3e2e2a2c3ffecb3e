// How the tensors of the fused op are shared out among the threads of a GPU: a function of their
// shape alone, so that results are the same on every GPU, and so that tests need none.
//
// A group of elements is what one thread works on at once: at least 16 bytes, in whole blocks of
// noise. A team of threads goes over the groups of one row, or of one part of a long row. Where
// rows do not begin with a group, neighbours share the group at their border, each with its own
// elements of it.

#ifndef TFAE_KERNELS_CORE_GAUSSIAN_SAMPLE_KL_PLAN_H_
#define TFAE_KERNELS_CORE_GAUSSIAN_SAMPLE_KL_PLAN_H_

#include <cstdint>

#include "kernels/core/gaussian_sample_kl.h"

namespace tfae {

// Elements of a group: 4 of float and double, 8 of Half and Bfloat16.
template <typename T>
constexpr int kGroup = sizeof(T) < 4 ? 16 / sizeof(T) : 4;

constexpr int kWarp = 32;
constexpr int kCudaThreads = 256;  // of a block
// Threads that keep a large GPU busy: 132 multiprocessors of an H100 hold twice as many.
constexpr int64_t kBusyThreads = int64_t{1} << 17;
// Enough that the last blocks to run matter little, few enough that each does much.
constexpr int64_t kMostBlocks = int64_t{1} << 14;

struct CudaPlan {
  int log2_lanes;         // of the threads of a team: up to kWarp, or kCudaThreads
  int64_t parts;          // teams that share a row; more than 1 of whole blocks only
  int64_t groups_a_part;  // at most
  int64_t blocks;         // over which the teams of all rows are spread
  int sample_slices;      // sets of so many blocks; each draws every so manieth sample

  TFAE_INLINE int lanes() const { return 1 << log2_lanes; }
  TFAE_INLINE int teams_a_block() const { return kCudaThreads >> log2_lanes; }
};

TFAE_INLINE constexpr int64_t CeilingOfQuotient(int64_t a, int64_t b) { return (a + b - 1) / b; }

// `slice_samples` tells whether samples may be drawn independently of each other.
inline CudaPlan PlanOf(SampleShape shape, int group, bool slice_samples) {
  // The most that a row touches: it begins so many elements after a group at most.
  const int64_t power_of_2 = shape.columns & -shape.columns;  // the largest in it
  const int64_t offset = power_of_2 < group ? group - power_of_2 : 0;
  const int64_t groups = CeilingOfQuotient(offset + shape.columns, group);
  const int64_t all = shape.rows * groups;

  // Several groups a thread once all threads have one, which saves the threads' own beginnings.
  const int64_t each = all / kBusyThreads < 1 ? 1 : all / kBusyThreads < 4 ? all / kBusyThreads : 4;
  const int64_t threads_a_row = CeilingOfQuotient(groups, each);
  CudaPlan plan = {0, 1, groups, 0, 1};
  // How often the busy threads must come, with so many of them to a row.
  const auto rounds = [&](int64_t lanes) {
    return CeilingOfQuotient(shape.rows * lanes, kBusyThreads) * CeilingOfQuotient(groups, lanes);
  };
  const int64_t warps = rounds(kWarp);
  const int64_t whole_blocks = rounds(kCudaThreads);
  if (threads_a_row <= kWarp || warps < whole_blocks ||
      (warps == whole_blocks && groups < kCudaThreads)) {
    while (plan.lanes() < kWarp && plan.lanes() < threads_a_row) ++plan.log2_lanes;
  } else {
    while (plan.lanes() < kCudaThreads) ++plan.log2_lanes;
    // Few long rows: every thread still gets two groups.
    const int64_t useful = CeilingOfQuotient(groups, 2 * kCudaThreads);
    const int64_t missing = kBusyThreads / kCudaThreads / (shape.rows < 1 ? 1 : shape.rows);
    const int64_t parts = useful < missing ? useful : missing;
    if (parts > 1) {
      plan.groups_a_part = CeilingOfQuotient(groups, parts);
      plan.parts = CeilingOfQuotient(groups, plan.groups_a_part);
    }
  }
  const int64_t teams = shape.rows * plan.parts;
  const int64_t blocks = CeilingOfQuotient(teams, plan.teams_a_block());
  plan.blocks = blocks < kMostBlocks ? blocks : kMostBlocks;
  if (slice_samples && blocks > 0) {
    const int64_t missing = kBusyThreads / kCudaThreads / blocks;
    const int64_t slices = missing < shape.samples ? missing : shape.samples;
    plan.sample_slices = slices < 1 ? 1 : static_cast<int>(slices);
  }
  return plan;
}

// What a team works on: groups [first_group, end_group), and of their elements those in
// [begin, end), which are the row's. Elements are those of `mean`.
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
    part.first_group += (team - part.row * plan.parts) * plan.groups_a_part;
    const int64_t end_group = part.first_group + plan.groups_a_part;
    if (end_group < part.end_group) part.end_group = end_group;
  }
  return part;
}

}  // namespace tfae

#endif  // TFAE_KERNELS_CORE_GAUSSIAN_SAMPLE_KL_PLAN_H_
