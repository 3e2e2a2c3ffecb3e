#include "kernels/core/gaussian_sample_kl_plan.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace tfae {
namespace {

const int64_t kColumns[] = {1,  2,   3,   4,   5,   7,    8,    10,   31,    32,    33,   64,
                            100, 128, 256, 500, 513, 1000, 1024, 4096, 16384, 16385, 99991};
const int64_t kRows[] = {1, 2, 3, 8, 64, 127, 1024, 5000};

// Counts how often teams work on each element; each group of a team has at least one element.
template <int kGroupSize>
void ExpectEachElementOnce(SampleShape shape) {
  const CudaPlan plan = PlanOf(shape, kGroupSize, true);
  std::vector<uint8_t> times(shape.rows * shape.columns);
  std::vector<uint8_t> row_times(shape.rows);
  for (int64_t team = 0; team < shape.rows * plan.parts; ++team) {
    const Part part = PartOf<kGroupSize>(plan, shape.columns, team);
    ASSERT_LT(part.row, shape.rows);
    for (int64_t group = part.first_group; group < part.end_group; ++group) {
      int elements = 0;
      for (int64_t i = group * kGroupSize; i < (group + 1) * kGroupSize; ++i) {
        if (i < part.begin || i >= part.end) continue;
        ASSERT_EQ(i / shape.columns, part.row);
        ++times[i];
        ++elements;
      }
      ASSERT_GT(elements, 0);
    }
  }
  for (uint8_t count : times) ASSERT_EQ(count, 1);
}

TEST(Plan, CoversEveryElementOnce) {
  for (const int64_t columns : kColumns) {
    for (const int64_t rows : kRows) {
      if (rows * columns > 2000000) continue;
      SCOPED_TRACE(testing::Message() << rows << "x" << columns);
      ExpectEachElementOnce<4>({1, rows, columns});
      ExpectEachElementOnce<8>({1, rows, columns});
    }
  }
}

void ExpectSound(SampleShape shape, int group) {
  SCOPED_TRACE(testing::Message() << shape.samples << "x" << shape.rows << "x" << shape.columns);
  const CudaPlan plan = PlanOf(shape, group, true);
  EXPECT_TRUE(plan.lanes() == kCudaThreads || plan.lanes() <= kWarp);
  EXPECT_GE(plan.parts, 1);
  EXPECT_TRUE(plan.parts == 1 || plan.lanes() == kCudaThreads);
  EXPECT_GE(plan.blocks, 1);
  EXPECT_LE(plan.blocks, kMostBlocks);
  EXPECT_GE(plan.sample_slices, 1);
  EXPECT_LE(plan.sample_slices, 65535);
  EXPECT_LE(plan.sample_slices, shape.samples < 1 ? 1 : shape.samples);
}

TEST(Plan, IsSoundForEveryShape) {
  for (const int group : {4, 8}) {
    for (const int64_t samples : {0, 1, 3, 50, 1000000}) {
      for (const int64_t columns : kColumns) {
        for (const int64_t rows : kRows) ExpectSound({samples, rows, columns}, group);
      }
      ExpectSound({samples, 5, 0}, group);
      ExpectSound({samples, int64_t{1} << 40, 1}, group);
      ExpectSound({samples, 1, int64_t{1} << 40}, group);
      ExpectSound({samples, (int64_t{1} << 33) + 1, 129}, group);
    }
  }
}

TEST(Plan, DistributesRowsByTheirLength) {
  EXPECT_EQ(PlanOf({1, 128, 2}, 4, true).lanes(), 1);
  EXPECT_EQ(PlanOf({1, 1024, 20}, 4, true).lanes(), 8);
  EXPECT_EQ(PlanOf({1, 1024, 128}, 4, true).lanes(), 32);
  EXPECT_EQ(PlanOf({1, 4000, 200}, 4, true).lanes(), kWarp);
  EXPECT_EQ(PlanOf({1, 600, 1024}, 4, true).lanes(), kCudaThreads);
  EXPECT_EQ(PlanOf({1, 1024, 4096}, 4, true).lanes(), kCudaThreads);
  EXPECT_EQ(PlanOf({1, 1024, 4096}, 4, true).parts, 1);
  EXPECT_EQ(PlanOf({1, 16384, 4096}, 4, true).lanes(), kCudaThreads);
  EXPECT_EQ(PlanOf({1, 16384, 4096}, 4, true).parts, 1);
  EXPECT_EQ(PlanOf({1, 64, 16384}, 4, true).parts, 8);
  EXPECT_EQ(PlanOf({1, 1, 1 << 24}, 4, true).parts, 512);
}

TEST(Plan, GivesThreadsMoreToDoOnceAllAreBusy) {
  EXPECT_EQ(PlanOf({1, 1 << 10, 128}, 4, true).lanes(), 32);
  EXPECT_EQ(PlanOf({1, 1 << 20, 128}, 4, true).lanes(), 8);
}

TEST(Plan, SlicesManySamplesOfFewElements) {
  EXPECT_EQ(PlanOf({5000, 16, 20}, 4, true).sample_slices, 512);
  EXPECT_EQ(PlanOf({5000, 16, 20}, 4, false).sample_slices, 1);
  EXPECT_EQ(PlanOf({3, 16, 20}, 4, true).sample_slices, 3);
  EXPECT_EQ(PlanOf({50, 16384, 4096}, 4, true).sample_slices, 1);
}

TEST(Plan, SizesBeyond32BitsAreNoProblem) {
  const int64_t columns = (int64_t{1} << 34) + 3;
  const CudaPlan plan = PlanOf({1, 3, columns}, 4, true);
  int64_t end = 0;
  for (int64_t team = 0; team < 3 * plan.parts; ++team) {
    const Part part = PartOf<4>(plan, columns, team);
    // Without gaps; two rows may share a group.
    EXPECT_TRUE(part.first_group == end || (part.begin % 4 != 0 && part.first_group == end - 1));
    end = part.end_group;
  }
  EXPECT_EQ(end, CeilingOfQuotient(3 * columns, 4));

  const CudaPlan many_rows = PlanOf({1, int64_t{1} << 36, 3}, 4, true);
  const Part last = PartOf<4>(many_rows, 3, (int64_t{1} << 36) - 1);
  EXPECT_EQ(last.begin, 3 * ((int64_t{1} << 36) - 1));
  EXPECT_EQ(last.end_group, 3 * (int64_t{1} << 34));
}

}  // namespace
}  // namespace tfae
