// SPDX-License-Identifier: Apache-2.0
#include "server/alert_memory.hpp"

#include <gtest/gtest.h>

namespace weir::server {
namespace {

using health::AlertEvent;
using health::AlertReading;
using health::AlertRule;
using health::Alerts;

constexpr std::int64_t start = 1'700'000'000'000;

TEST(AlertMemory, TellsWhatItWasTold) {
  AlertRule rule;
  rule.name = "errors";
  rule.threshold = 0.05;
  rule.for_ms = 0;
  Alerts alerts;
  alerts.set_rules({rule});
  const AlertReading reading{"open\"ai", 0.1};
  ASSERT_EQ(alerts.observe(0, {&reading, 1}, start).size(), 1U);

  const health::KeptAlerts kept = read_alerts_text(alerts_text(alerts));
  EXPECT_EQ(kept.latest_id, 1);
  ASSERT_EQ(kept.active.size(), 1U);
  ASSERT_EQ(kept.events.size(), 1U);
  const AlertEvent& incident = kept.active.front();
  EXPECT_TRUE(incident.is_raised);
  EXPECT_EQ(incident.rule, "errors");
  EXPECT_EQ(incident.subject, "open\"ai");
  EXPECT_EQ(incident.metric, health::AlertMetric::error_rate);
  EXPECT_EQ(incident.threshold, 0.05) << "or it would be taken for another rule's";
  EXPECT_EQ(incident.value, 0.1);
  EXPECT_EQ(incident.since_ms, start);
}

TEST(AlertMemory, WhatCannotBeReadIsPassedOver) {
  for (const char* text : {"", "{", "[]", R"({"active":1})", R"({"active":[1,{},{"id":2}]})",
                           R"({"events":[{"id":-1,"type":"alert.over"}]})"}) {
    const health::KeptAlerts kept = read_alerts_text(text);
    EXPECT_TRUE(kept.active.empty()) << text;
    EXPECT_TRUE(kept.events.empty()) << text;
    EXPECT_EQ(kept.latest_id, 0) << text;
  }
}

}  // namespace
}  // namespace weir::server
