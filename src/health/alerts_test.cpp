// SPDX-License-Identifier: Apache-2.0
#include "health/alerts.hpp"

#include <gtest/gtest.h>

namespace weir::health {
namespace {

constexpr std::int64_t second = 1'000;
constexpr std::int64_t start = 1'700'000'000'000;

AlertRule errors() {
  AlertRule rule;
  rule.name = "errors";
  rule.threshold = 0.5;
  rule.for_ms = 60 * second;
  rule.clear_for_ms = 30 * second;
  return rule;
}

class AlertsTest : public testing::Test {
 protected:
  AlertsTest() { alerts_.set_rules({errors()}); }
  /// What is told, as `+` and `-`.
  std::string see(std::optional<double> value, std::int64_t seconds) {
    const AlertReading reading{"openai", value};
    std::string told;
    for (const AlertEvent& event : alerts_.observe(0, {&reading, 1}, start + seconds * second)) {
      EXPECT_EQ(event.rule, "errors");
      EXPECT_EQ(event.subject, "openai");
      told += event.is_raised ? "+" : "-";
    }
    return told;
  }
  std::string see_all(
      std::initializer_list<std::pair<std::optional<double>, std::int64_t>> readings) {
    std::string told;
    for (const auto& [value, seconds] : readings) told += see(value, seconds);
    return told;
  }
  Alerts alerts_;
};

TEST_F(AlertsTest, AnIncidentIsToldOnceAfterItsTimeAndOnceWhenItIsOver) {
  EXPECT_EQ(see(0.9, 0), "");
  EXPECT_EQ(see(0.9, 59), "");
  EXPECT_EQ(see(0.9, 60), "+");
  for (std::int64_t at = 61; at < 200; ++at) EXPECT_EQ(see(0.9, at), "");
  EXPECT_EQ(alerts_.active().size(), 1U);
  EXPECT_EQ(see(0.1, 200), "");
  EXPECT_EQ(see(0.1, 229), "");
  EXPECT_EQ(see(0.1, 230), "-");
  EXPECT_EQ(see(0.1, 300), "");
  EXPECT_TRUE(alerts_.active().empty());
  EXPECT_EQ(alerts_.events_after(0).size(), 2U);
  EXPECT_EQ(alerts_.events_after(1).front().since_ms, start);
}

TEST_F(AlertsTest, ASpikeThatIsShorterThanItsTimeIsNoIncident) {
  EXPECT_EQ(see(0.9, 0), "");
  EXPECT_EQ(see(0.1, 59), "");
  EXPECT_EQ(see(0.9, 60), "");
  EXPECT_EQ(see(0.9, 119), "");
  EXPECT_EQ(see(0.9, 120), "+");
}

// Hysteresis: between 80 % of the threshold and the threshold nothing changes.
TEST_F(AlertsTest, AValueThatWaversAroundTheThresholdIsOneIncident) {
  EXPECT_EQ(see_all({{0.5, 0}, {0.5, 60}}), "+");
  std::string told;
  for (std::int64_t at = 61; at < 600; ++at) told += see(at % 2 == 0 ? 0.49 : 0.51, at);
  EXPECT_EQ(told, "");
  EXPECT_EQ(see_all({{0.4, 600}, {0.4, 700}}), "") << "the edge itself is not below it";
  EXPECT_EQ(see_all({{0.39, 701}, {0.39, 731}}), "-");
}

// An open circuit leaves no calls to judge by; that is no recovery.
TEST_F(AlertsTest, AnIncidentThatNothingIsHeardOfGoesOnForAnHour) {
  EXPECT_EQ(see_all({{0.9, 0}, {0.9, 60}}), "+");
  EXPECT_EQ(see_all({{std::nullopt, 61}, {std::nullopt, 3'659}}), "");
  EXPECT_EQ(see(std::nullopt, 3'660), "-");
}

TEST_F(AlertsTest, WithoutAValueNothingBegins) {
  EXPECT_EQ(see_all({{0.9, 0}, {std::nullopt, 30}, {0.9, 60}}), "");
}

TEST_F(AlertsTest, SubjectsAreApart) {
  const AlertReading readings[] = {{"a", 0.9}, {"b", 0.1}, {"c", 0.9}};
  EXPECT_TRUE(alerts_.observe(0, readings, start).empty());
  const auto told = alerts_.observe(0, readings, start + 60 * second);
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[0].subject, "a");
  EXPECT_EQ(told[1].subject, "c");
  EXPECT_LT(told[0].id, told[1].id);
}

TEST_F(AlertsTest, AReloadThatChangesNothingKeepsIncidentsAndAChangedRuleBeginsAnew) {
  EXPECT_EQ(see_all({{0.9, 0}, {0.9, 60}}), "+");
  alerts_.set_rules({errors()});
  EXPECT_EQ(alerts_.active().size(), 1U);
  AlertRule stricter = errors();
  stricter.threshold = 0.3;
  alerts_.set_rules({stricter});
  EXPECT_TRUE(alerts_.active().empty());
}

// One event per incident, also over a restart; ids go on, so that who follows misses nothing.
TEST_F(AlertsTest, WhatIsKeptGoesOnInTheNextProcess) {
  EXPECT_EQ(see_all({{0.9, 0}, {0.9, 60}}), "+");
  const KeptAlerts kept{alerts_.active(), alerts_.events_after(0), alerts_.latest_id()};
  alerts_ = Alerts();
  alerts_.set_rules({errors()});
  alerts_.restore(kept, start + 100 * second);
  EXPECT_EQ(alerts_.active().size(), 1U);
  EXPECT_EQ(see_all({{0.9, 100}, {0.9, 170}, {0.1, 171}}), "");
  EXPECT_EQ(see(0.1, 201), "-");
  ASSERT_EQ(alerts_.events_after(0).size(), 2U);
  EXPECT_EQ(alerts_.events_after(1).front().id, 2);
  EXPECT_EQ(alerts_.events_after(1).front().since_ms, start);
}

TEST_F(AlertsTest, OfAKeptIncidentNothingIsHeardForAnHourFromTheStart) {
  EXPECT_EQ(see_all({{0.9, 0}, {0.9, 60}}), "+");
  const KeptAlerts kept{alerts_.active(), {}, 1};
  alerts_ = Alerts();
  alerts_.set_rules({errors()});
  alerts_.restore(kept, start + 50'000 * second);
  EXPECT_EQ(see(std::nullopt, 50'000 + 3'599), "");
  EXPECT_EQ(see(std::nullopt, 50'000 + 3'600), "-");
}

TEST_F(AlertsTest, AKeptIncidentOfARuleThatMeansSomethingElseNowIsForgotten) {
  EXPECT_EQ(see_all({{0.9, 0}, {0.9, 60}}), "+");
  const KeptAlerts kept{alerts_.active(), alerts_.events_after(0), 1};
  AlertRule stricter = errors();
  stricter.threshold = 0.3;
  alerts_ = Alerts();
  alerts_.set_rules({stricter});
  alerts_.restore(kept, start);
  EXPECT_TRUE(alerts_.active().empty());
  EXPECT_EQ(alerts_.latest_id(), 1);
}

// J-3: of one subject nothing is left, of the others all.
TEST_F(AlertsTest, J3ASubjectIsForgottenWithItsEvents) {
  const auto see_both = [&](double value, std::int64_t seconds) {
    const AlertReading readings[] = {{"user:ann", value}, {"user:bob", value}};
    return alerts_.observe(0, readings, start + seconds * second).size();
  };
  see_both(0.9, 0);
  EXPECT_EQ(see_both(0.9, 60), 2U);
  EXPECT_EQ(alerts_.forget("user:ann"), 1U);
  EXPECT_EQ(alerts_.forget("user:ann"), 0U);
  ASSERT_EQ(alerts_.active().size(), 1U);
  EXPECT_EQ(alerts_.active().front().subject, "user:bob");
  ASSERT_EQ(alerts_.events_after(0).size(), 1U);
  EXPECT_EQ(alerts_.events_after(0).front().subject, "user:bob");
  EXPECT_EQ(alerts_.latest_id(), 2);
}

TEST(AlertValue, IsThatOfTheWindowAndNothingForTooFewCalls) {
  Meter meter;
  Monitor monitor({});
  const Monitor::Source source{"openai", &meter, false};
  monitor.look({&source, 1}, start);
  for (int i = 0; i < 3; ++i) {
    meter.note({.duration = microseconds(1'000'000), .cost_nanousd = 500'000'000});
  }
  meter.note({.failure = policy::FailureClass::server});
  monitor.look({&source, 1}, start + second);
  AlertRule rule = errors();
  rule.calls_min = 4;
  EXPECT_DOUBLE_EQ(*alert_value(rule, monitor, "openai"), 0.25);
  rule.metric = AlertMetric::latency;
  EXPECT_NEAR(*alert_value(rule, monitor, "openai"), 1'000, 32);
  EXPECT_EQ(alert_value(rule, monitor, "nobody"), std::nullopt);
  rule.metric = AlertMetric::spend;
  EXPECT_NEAR(*alert_value(rule, monitor, "openai"), 1.5, 1e-9);
  rule.metric = AlertMetric::error_rate;
  rule.calls_min = 5;
  EXPECT_EQ(alert_value(rule, monitor, "openai"), std::nullopt);
}

}  // namespace
}  // namespace weir::health
