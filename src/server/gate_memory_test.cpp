// SPDX-License-Identifier: Apache-2.0
#include "server/gate_memory.hpp"

#include <gtest/gtest.h>

namespace weir::server {
namespace {

using namespace std::chrono_literals;
using shared_state::KeptState;
using State = policy::CircuitBreaker::State;

constexpr std::int64_t start = 1'700'000'000'000;

TEST(GateMemory, K4WhatIsLeftOfACooldownIsLessByTheTimeInBetween) {
  const std::vector<KeptState> states{{.name = "openai", .order = State::forced_open},
                                      {.name = "a/m",
                                       .key = 0xffffffffffffffffULL,
                                       .cooldown = 10min,
                                       .cause = policy::FailureClass::quota}};
  const auto back = read_gate_text(gate_text(states, start), start + 60'000);
  ASSERT_EQ(back.size(), 2U);
  EXPECT_EQ(back[0].name, "openai");
  EXPECT_EQ(back[0].order, State::forced_open);
  EXPECT_EQ(back[1].key, 0xffffffffffffffffULL);
  EXPECT_EQ(back[1].cooldown, 9min);
  EXPECT_EQ(back[1].cause, policy::FailureClass::quota);
  EXPECT_EQ(read_gate_text(gate_text(states, start), start + 700'000)[1].cooldown, 0s);
}

TEST(GateMemory, TheSameStatesGiveTheSameTextLater) {
  const KeptState now{.name = "a", .key = 1, .cooldown = 600s};
  const KeptState later{.name = "a", .key = 1, .cooldown = 590s};
  EXPECT_EQ(gate_text({now}, start), gate_text({later}, start + 10'000));
}

TEST(GateMemory, WhatCannotBeReadIsPassedOver) {
  for (const char* text : {"", "{", "[]", "{\"states\":1}", "{\"states\":[1,{},{\"name\":2}]}"}) {
    EXPECT_TRUE(read_gate_text(text, start).empty()) << text;
  }
}

}  // namespace
}  // namespace weir::server
