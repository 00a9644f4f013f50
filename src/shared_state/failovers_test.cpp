// SPDX-License-Identifier: Apache-2.0
#include "shared_state/failovers.hpp"

#include <gtest/gtest.h>

namespace weir::shared_state {
namespace {

using pipeline::AttemptRow;
using policy::FailureClass;

pipeline::Target target(std::string name) {
  pipeline::Target made;
  made.name = std::move(name);
  return made;
}

class FailoversTest : public testing::Test {
 protected:
  AttemptRow row(const pipeline::Target& to, FailureClass failure) {
    AttemptRow made;
    made.target = &to;
    made.failure = failure;
    return made;
  }
  void note(std::string route, std::vector<AttemptRow> attempts,
            pipeline::Outcome outcome = pipeline::Outcome::completed) {
    const auto step = [](std::string of) {
      return pipeline::Step{.targets = {}, .of = std::move(of)};
    };
    pipeline::Route asked;
    asked.name = std::move(route);
    asked.steps = {step("reasoning"), step("reasoning"), step("fast")};
    pipeline::CallResult result;
    result.outcome = outcome;
    result.rows = std::move(attempts);
    failovers_.on_ended(asked, result);
  }
  const pipeline::Target a_ = target("a/m");
  const pipeline::Target b_ = target("b/m");
  const pipeline::Target c_ = target("c/m");
  Failovers failovers_;
};

TEST_F(FailoversTest, EachChangeOfTargetIsCountedWithItsReason) {
  const std::vector<AttemptRow> attempts{row(a_, FailureClass::server), row(a_, FailureClass::rate),
                                         row(b_, FailureClass::connect), row(c_, FailureClass::ok)};
  note("smart", attempts);
  note("smart", {row(a_, FailureClass::rate), row(b_, FailureClass::ok)});
  note("smart", {row(a_, FailureClass::ok)});
  const auto rows = failovers_.list();
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].from + ">" + rows[0].to, "a/m>b/m");
  EXPECT_EQ(rows[0].failure, FailureClass::rate);
  EXPECT_EQ(rows[0].count, 2U);
  EXPECT_EQ(rows[1].from + ">" + rows[1].to, "b/m>c/m");
}

TEST_F(FailoversTest, HedgesAndRecoveriesAreToldApart) {
  AttemptRow hedge = row(b_, FailureClass::ok);
  hedge.is_hedge = true;
  AttemptRow broken = row(a_, FailureClass::cut);
  broken.recovered_by = 2;
  note("r", {row(a_, FailureClass::client), hedge});
  note("s", {broken, row(b_, FailureClass::ok)});
  std::string kinds;
  for (const FailoverCount& one : failovers_.list()) kinds.append(one.route).append(name(one.kind));
  EXPECT_EQ(kinds, "rhedgesrecovery");
}

TEST_F(FailoversTest, RowsBeyondTheMostAreOneRow) {
  for (std::size_t i = 0; i < Failovers::rows_max + 5; ++i) {
    const std::string route = std::to_string(i);
    note(route, {row(a_, FailureClass::rate), row(b_, FailureClass::ok)});
  }
  const auto rows = failovers_.list();
  EXPECT_EQ(rows.size(), Failovers::rows_max + 1);
  EXPECT_EQ(rows.front().route, "other");
  EXPECT_EQ(rows.front().count, 5U);
}

// A breaker that is open spares the first tier: there is but one attempt, at the lesser one.
TEST_F(FailoversTest, AnswersOfALesserTierAreCounted) {
  AttemptRow spare = row(b_, FailureClass::ok);
  spare.step = 1;
  AttemptRow lesser = row(c_, FailureClass::ok);
  lesser.step = 2;
  note("auto", {row(a_, FailureClass::server), spare});
  EXPECT_TRUE(failovers_.degradations().empty()) << "another step of the same tier is as good";
  note("auto", {lesser});
  note("auto", {row(a_, FailureClass::server), lesser});
  AttemptRow failed = lesser;
  failed.failure = FailureClass::server;
  note("auto", {failed}, pipeline::Outcome::failed);
  const auto rows = failovers_.degradations();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].route + ">" + rows[0].to, "auto>fast");
  EXPECT_EQ(rows[0].count, 2U);
}

}  // namespace
}  // namespace weir::shared_state
