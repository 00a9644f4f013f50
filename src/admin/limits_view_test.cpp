// SPDX-License-Identifier: Apache-2.0
#include "admin/limits_view.hpp"

#include <gtest/gtest.h>

namespace weir::admin {
namespace {

using namespace std::chrono_literals;
using shared_state::LimitStatus;

TEST(LimitsView, TellsWhatIsUsedLeftAndWhenItIsThereAgain) {
  LimitStatus status;
  status.owner = {policy::LimitScope::provider, "openai"};
  status.algorithm = "auto";
  status.window = 60s;
  status.limit = 500;
  status.in_force = 350;
  status.used = 100;
  status.reset = 30s + 1ns;
  EXPECT_EQ(
      limits_json({status}),
      R"({"limits":[{"scope":"provider","name":"openai","unit":"requests","counted_by":"auto",)"
      R"("window_ms":60000,"limit":500,"in_force":350,"used":100,"left":250,)"
      R"("reset_ms":30001,"wait_ms":0}]})");
}

// What comes at once is less than what comes in the window.
TEST(LimitsView, TellsWhatIsLeftOfABurst) {
  LimitStatus status;
  status.algorithm = "token_bucket";
  status.window = 60s;
  status.limit = status.in_force = 1000;
  status.burst = 10;
  status.used = 10;
  status.wait = 60ms;
  EXPECT_EQ(limits_json({status}),
            R"({"limits":[{"scope":"global","unit":"requests","counted_by":"token_bucket",)"
            R"("window_ms":60000,"limit":1000,"used":10,"burst":10,"left":0,)"
            R"("reset_ms":0,"wait_ms":60}]})");
}

TEST(LimitsView, AProviderHasItsOwnItsKeysAndItsModelsLimitsAndNoOtherOnes) {
  using policy::LimitScope;
  std::vector<LimitStatus> all;
  for (const auto& [scope, name] : {std::pair{LimitScope::provider, "up"},
                                    {LimitScope::provider_key, "up"},
                                    {LimitScope::provider_key, "up sk-…wxyz"},
                                    {LimitScope::target, "up/m"},
                                    {LimitScope::provider, "upper"},
                                    {LimitScope::provider_key, "upper sk-…wxyz"},
                                    {LimitScope::target, "upper/m"},
                                    {LimitScope::key, "up"},
                                    {LimitScope::global, ""}}) {
    all.emplace_back().owner = {scope, name};
  }
  std::string text;
  json::Writer json(text);
  append_limits_of(json, all, "up");
  std::size_t rows = 0;
  for (std::size_t at = 0; (at = text.find("\"scope\"", at)) != std::string::npos; ++at) ++rows;
  EXPECT_EQ(rows, 4) << text;
  EXPECT_EQ(text.find("upper"), std::string::npos) << text;
  EXPECT_EQ(text.find(R"("scope":"key")"), std::string::npos) << text;
}

TEST(LimitsView, TellsBudgetsInDollars) {
  LimitStatus status;
  status.unit = policy::LimitUnit::nanousd;
  status.algorithm = "budget";
  status.period = "month";
  status.zone = "Europe/Berlin";
  status.limit = status.in_force = 20'000'000'000;
  status.used = 5'000'000'000;
  status.reserved = 500'000'000;
  status.reset = 24h;
  EXPECT_EQ(limits_json({status}),
            R"({"limits":[{"scope":"global","unit":"usd","counted_by":"budget","period":"month",)"
            R"("time_zone":"Europe/Berlin","limit_usd":"20","limit_nanousd":20000000000,)"
            R"("used_usd":"5","used_nanousd":5000000000,"reserved_usd":"0.5",)"
            R"("reserved_nanousd":500000000,"left_usd":"14.5","left_nanousd":14500000000,)"
            R"("hard":true,"reset_ms":86400000}]})");
}

}  // namespace
}  // namespace weir::admin
