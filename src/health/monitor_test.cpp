// SPDX-License-Identifier: Apache-2.0
#include "health/monitor.hpp"

#include <gtest/gtest.h>

namespace weir::health {
namespace {

using policy::FailureClass;

constexpr std::int64_t second = 1'000;
constexpr std::int64_t minute = 60 * second;
constexpr std::int64_t hour = 60 * minute;
constexpr std::int64_t start = 1'700'006'400'000;  // a full hour

AttemptFigures good(std::int64_t ms) {
  return {.failure = FailureClass::ok,
          .duration = microseconds(ms * 1'000),
          .first_content = microseconds(ms * 500),
          .output_tokens = 10,
          .generating = microseconds(ms * 500)};
}
AttemptFigures bad(FailureClass failure) { return {.failure = failure}; }

class MonitorTest : public testing::Test {
 protected:
  void look(std::int64_t now_ms, bool is_refusing = false) {
    const Monitor::Source source{"openai", &meter_, is_refusing};
    monitor_.look({&source, 1}, now_ms);
  }
  [[nodiscard]] Reading read(Window window) const { return *monitor_.read("openai", window); }

  Meter meter_;
  Monitor monitor_{{}};
};

TEST_F(MonitorTest, EachWindowShowsWhatHappenedInItAndForgetsTheRest) {
  look(start);
  for (int i = 0; i < 3; ++i) meter_.note(good(100));
  meter_.note(bad(FailureClass::server));
  look(start + second);
  for (const Window window : windows) {
    const Reading reading = read(window);
    EXPECT_EQ(reading.figures.counts.successes(), 3U);
    EXPECT_DOUBLE_EQ(*reading.figures.success_rate(), 0.75);
    EXPECT_EQ(reading.figures.latency.count(), 3U);
  }
  look(start + 2 * minute);
  EXPECT_EQ(read(Window::minute).figures.counts.successes(), 0U);
  EXPECT_EQ(read(Window::five_minutes).figures.counts.successes(), 3U);
  look(start + 7 * minute);
  EXPECT_EQ(read(Window::five_minutes).figures.counts.successes(), 0U);
  EXPECT_EQ(read(Window::hour).figures.counts.successes(), 3U);
  look(start + 2 * hour);
  EXPECT_EQ(read(Window::hour).figures.counts.successes(), 0U);
  EXPECT_EQ(read(Window::day).figures.counts.successes(), 3U);
}

TEST_F(MonitorTest, ASeriesWithoutNewsForADayIsForgotten) {
  look(start);
  meter_.note(good(1));
  look(start + second);
  monitor_.look({}, start + 25 * hour);
  EXPECT_FALSE(monitor_.read("openai", Window::day).has_value());
}

// The caller's mistakes say nothing about the provider.
TEST_F(MonitorTest, RefusedRequestsAreNeitherSuccessNorFailure) {
  look(start);
  meter_.note(bad(FailureClass::request));
  meter_.note(bad(FailureClass::client));
  look(start + second);
  EXPECT_EQ(read(Window::minute).figures.counts.others(), 2U);
  EXPECT_EQ(read(Window::minute).figures.success_rate(), std::nullopt);
  EXPECT_DOUBLE_EQ(read(Window::minute).uptime, 1.0);
}

TEST_F(MonitorTest, TimeUnderAnOpenCircuitOrWithFailuresOnlyIsDowntime) {
  look(start);
  for (int i = 1; i <= 6; ++i) look(start + i * 10 * second, i > 3);
  EXPECT_DOUBLE_EQ(read(Window::minute).uptime, 0.5);
  meter_.note(bad(FailureClass::connect));
  look(start + 80 * second);
  EXPECT_NEAR(read(Window::five_minutes).uptime, 1 - 50.0 / 80, 1e-9);
  meter_.note(bad(FailureClass::connect));
  meter_.note(good(5));
  look(start + 90 * second);
  EXPECT_NEAR(read(Window::five_minutes).uptime, 1 - 50.0 / 90, 1e-9);
}

TEST_F(MonitorTest, TokensPerSecondAreThoseOfTheTimeTheyTookToCome) {
  look(start);
  meter_.note(good(1'000));
  look(start + second);
  EXPECT_DOUBLE_EQ(*read(Window::minute).figures.tokens_per_second(), 20.0);
}

TEST_F(MonitorTest, W2TimeThatGoesBackChangesNothing) {
  look(start + minute);
  meter_.note(good(1));
  look(start);
  EXPECT_EQ(read(Window::minute).figures.counts.successes(), 1U);
  EXPECT_EQ(monitor_.take_points().front().slot.start_ms, start + minute);
}

// What was taken before is given again only when it has gained something, and then whole.
TEST_F(MonitorTest, TheHistoryGetsEachMinuteAndHourThatHadTraffic) {
  look(start);
  meter_.note(good(10));
  look(start + second);
  std::vector<Point> points = monitor_.take_points();
  ASSERT_EQ(points.size(), 2U);
  EXPECT_TRUE(monitor_.take_points().empty());
  meter_.note(good(10));
  look(start + 2 * second);
  meter_.note(good(10));
  look(start + minute);
  points = monitor_.take_points();
  ASSERT_EQ(points.size(), 3U);
  EXPECT_EQ(points[0].slot.start_ms, start);
  EXPECT_EQ(points[0].slot.figures.counts.successes(), 2U);
  EXPECT_EQ(points[1].slot.start_ms, start + minute);
  EXPECT_EQ(points[2].resolution, Resolution::hour);
  EXPECT_EQ(points[2].slot.figures.counts.successes(), 3U);
}

TEST_F(MonitorTest, GoesOnAfterARestartWithWhatTheHistoryHas) {
  look(start);
  meter_.note(good(10));
  look(start + second);
  Monitor next{{}};
  Meter fresh;
  for (Point& point : monitor_.take_points()) {
    std::string bytes;
    point.slot.encode(bytes);
    Point copy{point.resolution, point.series, {}};
    ASSERT_TRUE(copy.slot.decode(bytes));
    copy.slot.start_ms = point.slot.start_ms;
    next.restore(copy, start + 20 * second);
  }
  const Monitor::Source source{"openai", &fresh, false};
  next.look({&source, 1}, start + 20 * second);
  fresh.note(good(10));
  next.look({&source, 1}, start + 30 * second);
  EXPECT_EQ(next.read("openai", Window::hour)->figures.counts.successes(), 2U);
  EXPECT_EQ(next.read("openai", Window::day)->figures.latency.count(), 2U);
  const std::vector<Point> points = next.take_points();
  ASSERT_EQ(points.size(), 2U);
  EXPECT_EQ(points[0].slot.figures.counts.successes(), 2U) << "the same minute, not a second one";
}

TEST_F(MonitorTest, MoreSeriesThanAllowedAreNotWatched) {
  Monitor small{{.series_max = 1}};
  const Monitor::Source sources[] = {{"a", &meter_, false}, {"b", &meter_, false}};
  small.look(sources, start);
  EXPECT_EQ(small.series(), std::vector<std::string>{"a"});
}

}  // namespace
}  // namespace weir::health
