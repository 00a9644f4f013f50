// SPDX-License-Identifier: Apache-2.0
#include "health/sketch.hpp"

#include <algorithm>
#include <cmath>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.hpp"

namespace weir::health {
namespace {

// Whoever sets an alert at 10 s must not see it at 9: the error has a bound, at every size.
TEST(Sketch, TheMiddleOfABucketIsWithinOneThirtySecondOfWhatFallsIntoIt) {
  for (std::int64_t us = 1; us < sketch_us_max / 2; us += 1 + us / 97) {
    const std::int64_t middle = middle_of(bucket_of(us));
    EXPECT_LE(std::abs(middle - us) * 32, us) << us;
  }
}

TEST(Sketch, BucketsFollowOneAnotherWithoutAGap) {
  std::size_t last = bucket_of(0);
  EXPECT_EQ(last, 0U);
  for (std::int64_t us = 1; us < 1 << 16; ++us) {
    const std::size_t bucket = bucket_of(us);
    ASSERT_TRUE(bucket == last || bucket == last + 1) << us;
    last = bucket;
  }
}

TEST(Sketch, TimesOutsideTheRangeCountAsItsEnds) {
  EXPECT_EQ(bucket_of(-5), 0U);
  EXPECT_EQ(bucket_of(sketch_us_max), bucket_of(INT64_MAX));
  EXPECT_LT(bucket_of(INT64_MAX), sketch_pages * sketch_page_size);
}

TEST(Sketch, QuantilesAreThoseOfTheSortedTimesWithinTheError) {
  SeededRandom random(7);
  std::vector<std::int64_t> times;
  AtomicSketch counted;
  for (int i = 0; i < 10'000; ++i) {
    const auto us =
        static_cast<std::int64_t>(1 + random.next() % (std::uint64_t{1} << (1 + i % 30)));
    times.push_back(us);
    counted.add(us);
  }
  std::sort(times.begin(), times.end());
  const Sketch sketch = counted.read();
  EXPECT_EQ(sketch.count(), times.size());
  for (const int permille : {1, 500, 950, 990, 1'000}) {
    const std::size_t rank = (times.size() * static_cast<std::size_t>(permille) + 999) / 1'000;
    const std::int64_t exact = times[rank - 1];
    EXPECT_LE(std::abs(*sketch.quantile(permille) - exact) * 32, exact) << permille;
  }
}

TEST(Sketch, SketchesAddUpToTheSketchOfAllAndSubtractAgain) {
  Sketch first;
  Sketch second;
  Sketch all;
  for (std::size_t i = 0; i < 100; ++i) {
    (i % 3 == 0 ? first : second).add(i % 40, i);
    all.add(i % 40, i);
  }
  Sketch sum = first;
  sum += second;
  EXPECT_EQ(sum.count(), all.count());
  EXPECT_EQ(sum.since(first).count(), second.count());
  for (const int permille : {100, 500, 900}) {
    EXPECT_EQ(sum.quantile(permille), all.quantile(permille));
    EXPECT_EQ(sum.since(first).quantile(permille), second.quantile(permille));
  }
}

TEST(Sketch, WithoutTimesThereIsNoQuantile) { EXPECT_EQ(Sketch().quantile(500), std::nullopt); }

TEST(Sketch, IsReadAsItWasWrittenAndFromNothingElse) {
  Sketch sketch;
  for (std::size_t i = 0; i < 500; i += 7) sketch.add(i, i * i * i);
  std::string bytes;
  sketch.encode(bytes);
  Sketch copy;
  std::string_view rest = bytes;
  ASSERT_TRUE(copy.decode(rest));
  EXPECT_TRUE(rest.empty());
  EXPECT_EQ(copy.count(), sketch.count());
  EXPECT_EQ(copy.quantile(500), sketch.quantile(500));
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    std::string_view begun = std::string_view(bytes).substr(0, cut);
    EXPECT_FALSE(copy.decode(begun)) << cut;
  }
  std::string_view beyond = "\x01\xff\xff\xff\x7f\x01";
  EXPECT_FALSE(copy.decode(beyond));
}

TEST(Sketch, ManyThreadsLoseNothing) {
  AtomicSketch sketch;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (std::int64_t i = 0; i < 5'000; ++i) sketch.add(i * i);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(sketch.read().count(), 20'000U);
}

}  // namespace
}  // namespace weir::health
