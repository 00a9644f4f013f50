// SPDX-License-Identifier: Apache-2.0
#include "policy/rate_headers.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <utility>

namespace weir::policy {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using Fields = std::initializer_list<std::pair<std::string_view, std::string_view>>;

/// Stands for the reader of dates: knows one instant, 59 s from now.
std::optional<milliseconds> until_the_known_instant(std::string_view stamp) {
  if (stamp == "2026-08-21T12:40:59Z") return 59'000ms;
  return std::nullopt;
}

RateSnapshot read(Fields fields) {
  RateHeaderReader reader(until_the_known_instant);
  for (const auto& [name, value] : fields) reader.offer(name, value);
  return reader.snapshot();
}

TEST(RateHeaders, OpenAiAndGroq) {
  const auto snapshot = read({{"Content-Type", "application/json"},
                              {"x-ratelimit-limit-requests", "14400"},
                              {"X-RateLimit-Remaining-Requests", "14370"},
                              {"x-ratelimit-reset-requests", "2m59.56s"},
                              {"x-ratelimit-limit-tokens", "18000"},
                              {"x-ratelimit-remaining-tokens", "0"},
                              {"x-ratelimit-reset-tokens", "7.66s"}});
  EXPECT_EQ(snapshot.requests,
            (RateLimit{.limit = 14'400, .remaining = 14'370, .reset = 179'560ms}));
  EXPECT_EQ(snapshot.tokens, (RateLimit{.limit = 18'000, .remaining = 0, .reset = 7'660ms}));
  EXPECT_EQ(snapshot.input_tokens, RateLimit{});
}

TEST(RateHeaders, TheTighterOfTwoTokenLimitsIsTaken) {
  const Fields fields{{"x-ratelimit-remaining-tokens", "500"},
                      {"x-ratelimit-reset-tokens", "1s"},
                      {"x-ratelimit-remaining-project-tokens", "20"},
                      {"x-ratelimit-reset-project-tokens", "6m0s"}};
  EXPECT_EQ(read(fields).tokens, (RateLimit{.limit = {}, .remaining = 20, .reset = 360s}));
  // Both used up: the one that stays so longer.
  const Fields both{{"x-ratelimit-remaining-project-tokens", "0"},
                    {"x-ratelimit-reset-project-tokens", "1s"},
                    {"x-ratelimit-remaining-tokens", "0"},
                    {"x-ratelimit-reset-tokens", "20s"}};
  EXPECT_EQ(read(both).tokens.reset, 20s);
}

TEST(RateHeaders, Anthropic) {
  const auto snapshot = read({{"anthropic-ratelimit-requests-limit", "50"},
                              {"anthropic-ratelimit-requests-remaining", "49"},
                              {"anthropic-ratelimit-requests-reset", "2026-08-21T12:40:59Z"},
                              {"anthropic-ratelimit-tokens-limit", "90"},
                              {"anthropic-ratelimit-tokens-remaining", "80"},
                              {"anthropic-ratelimit-tokens-reset", "yesterday"},
                              {"anthropic-ratelimit-input-tokens-limit", "60"},
                              {"anthropic-ratelimit-input-tokens-remaining", "0"},
                              {"anthropic-ratelimit-input-tokens-reset", "2026-08-21T12:40:59Z"},
                              {"anthropic-ratelimit-output-tokens-limit", "30"},
                              {"anthropic-ratelimit-output-tokens-remaining", "30"},
                              {"anthropic-ratelimit-output-tokens-reset", "2026-08-21T12:40:59Z"}});
  EXPECT_EQ(snapshot.requests, (RateLimit{.limit = 50, .remaining = 49, .reset = 59s}));
  EXPECT_EQ(snapshot.tokens, (RateLimit{.limit = 90, .remaining = 80, .reset = {}}));
  EXPECT_EQ(snapshot.input_tokens, (RateLimit{.limit = 60, .remaining = 0, .reset = 59s}));
  EXPECT_EQ(snapshot.output_tokens, (RateLimit{.limit = 30, .remaining = 30, .reset = 59s}));
}

// Azure writes -1 for limits it does not know, and spells one field with a hyphen more.
TEST(RateHeaders, Azure) {
  const auto snapshot = read({{"x-ratelimit-limit-tokens", "-1"},
                              {"x-ratelimit-remaining-tokens", "-1"},
                              {"x-ratelimit-remaining-requests", "0"},
                              {"x-rate-limit-reset-tokens", "12"}});
  EXPECT_EQ(snapshot.tokens, (RateLimit{.limit = {}, .remaining = {}, .reset = 12s}));
  EXPECT_EQ(snapshot.requests.remaining, 0);
}

TEST(RateHeaders, CerebrasAndMistral) {
  const auto snapshot = read({{"x-ratelimit-limit-requests-day", "14400"},
                              {"x-ratelimit-remaining-requests-day", "0"},
                              {"x-ratelimit-reset-requests-day", "33011.38"},
                              {"x-ratelimit-limit-tokens-minute", "60000"},
                              {"x-ratelimit-remaining-tokens-minute", "59000"},
                              {"x-ratelimit-reset-tokens-minute", "11.5"},
                              {"x-ratelimit-limit-req-minute", "30"},
                              {"x-ratelimit-remaining-req-minute", "3"}});
  EXPECT_EQ(snapshot.requests,
            (RateLimit{.limit = 14'400, .remaining = 0, .reset = 33'011'380ms, .is_of_day = true}));
  EXPECT_EQ(snapshot.tokens, (RateLimit{.limit = 60'000, .remaining = 59'000, .reset = 11'500ms}));
  EXPECT_EQ(reset_wait(snapshot), 33'011'380ms);
}

TEST(RateHeaders, TogetherAndFireworks) {
  const auto together = read({{"x-ratelimit-limit", "10"},
                              {"x-ratelimit-remaining", "0.75"},
                              {"x-ratelimit-reset", "1"},
                              {"x-tokenlimit-limit", "4000"},
                              {"x-tokenlimit-remaining", "3999"}});
  EXPECT_EQ(together.requests, (RateLimit{.limit = 10, .remaining = 0, .reset = 1s}));
  EXPECT_EQ(together.tokens, (RateLimit{.limit = 4'000, .remaining = 3'999, .reset = {}}));

  const auto fireworks = read({{"x-ratelimit-limit-tokens-prompt", "60000"},
                               {"x-ratelimit-remaining-tokens-prompt", "1"},
                               {"x-ratelimit-limit-tokens-generated", "6000"},
                               {"x-ratelimit-remaining-tokens-generated", "2"}});
  EXPECT_EQ(fireworks.input_tokens, (RateLimit{.limit = 60'000, .remaining = 1, .reset = {}}));
  EXPECT_EQ(fireworks.output_tokens, (RateLimit{.limit = 6'000, .remaining = 2, .reset = {}}));
}

// Many servers put Unix time into this field.
TEST(RateHeaders, AResetThatIsADateInDisguiseIsNotWaitedFor) {
  EXPECT_EQ(read({{"x-ratelimit-reset", "1790000000"}}).requests.reset, std::nullopt);
  EXPECT_EQ(read({{"x-ratelimit-reset", "86399"}}).requests.reset, 86'399s);
}

TEST(RateHeaders, WhatCannotBeReadIsAbsent) {
  for (const std::string_view value :
       {"", "-", "-5", "12x", "0x10", "1e3", "99999999999999999999", "1.5.5", " 1", "unlimited"}) {
    const auto snapshot =
        read({{"x-ratelimit-limit-requests", value}, {"x-ratelimit-remaining-requests", value}});
    EXPECT_EQ(snapshot.requests, RateLimit{}) << value;
  }
}

TEST(RateHeaders, TheFirstOfTwoEqualFieldsCounts) {
  EXPECT_EQ(read({{"x-ratelimit-remaining-requests", "7"}, {"x-ratelimit-remaining-requests", "9"}})
                .requests.remaining,
            7);
}

TEST(RetryWait, R3TheProvidersWordsComeBeforeItsResetsAndThoseBeforeItsBody) {
  const RateSnapshot used_up{.requests = {.limit = 5, .remaining = 0, .reset = 20s},
                             .tokens = {.limit = 5, .remaining = 0, .reset = 30s},
                             .input_tokens = {.limit = 5, .remaining = 1, .reset = 90s},
                             .output_tokens = {}};
  EXPECT_EQ(retry_wait(3s, used_up, 4s), 3s);
  EXPECT_EQ(retry_wait(std::nullopt, used_up, 4s), 30s);  // the largest, of those used up only
  EXPECT_EQ(retry_wait(std::nullopt, {}, 4s), 4s);
  EXPECT_EQ(retry_wait(std::nullopt, {}, std::nullopt), std::nullopt);
}

TEST(RetryWait, OfZeroSaysNothing) {
  const RateSnapshot zero{.requests = {.limit = 5, .remaining = 0, .reset = 0ms},
                          .tokens = {},
                          .input_tokens = {},
                          .output_tokens = {}};
  EXPECT_EQ(retry_wait(0ms, zero, 4s), 4s);
  EXPECT_EQ(retry_wait(0ms, zero, 0ms), std::nullopt);
}

TEST(CooldownWait, K2IsTheLongerOfRetryAfterAndTheReset) {
  const RateSnapshot used_up{.requests = {.limit = 5, .remaining = 0, .reset = 20s},
                             .tokens = {},
                             .input_tokens = {},
                             .output_tokens = {}};
  EXPECT_EQ(cooldown_wait(3s, used_up, 60s), 20s);
  EXPECT_EQ(cooldown_wait(30s, used_up, 60s), 30s);
  EXPECT_EQ(cooldown_wait(std::nullopt, {}, 60s), 60s);
  EXPECT_EQ(cooldown_wait(std::nullopt, {}, std::nullopt), std::nullopt);
}

}  // namespace
}  // namespace weir::policy
