// SPDX-License-Identifier: Apache-2.0
#include "policy/rate_headers.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "base/ascii.hpp"
#include "base/duration_text.hpp"

namespace weir::policy {
namespace {

using std::chrono::milliseconds;

enum class Source : std::uint8_t {
  requests,
  requests_per_minute,
  requests_per_day,
  tokens,
  tokens_per_minute,
  project_tokens,
  input_tokens,
  output_tokens,
};

enum class Part : std::uint8_t {
  limit,
  remaining,
  reset_go,     ///< `6m0s`, or a bare number of seconds
  reset_short,  ///< seconds; a day or more is a date in disguise and not believed
  reset_stamp,  ///< RFC 3339
};

struct Field {
  std::string_view name;
  Source source;
  Part part;
};

// clang-format off
constexpr auto fields = [] {
  using S = Source;
  using P = Part;
  return std::to_array<Field>({
    // OpenAI, Azure, Groq, xAI
    {"x-ratelimit-limit-requests",                 S::requests,            P::limit},
    {"x-ratelimit-remaining-requests",             S::requests,            P::remaining},
    {"x-ratelimit-reset-requests",                 S::requests,            P::reset_go},
    {"x-ratelimit-limit-tokens",                   S::tokens,              P::limit},
    {"x-ratelimit-remaining-tokens",               S::tokens,              P::remaining},
    {"x-ratelimit-reset-tokens",                   S::tokens,              P::reset_go},
    {"x-ratelimit-limit-project-tokens",           S::project_tokens,      P::limit},
    {"x-ratelimit-remaining-project-tokens",       S::project_tokens,      P::remaining},
    {"x-ratelimit-reset-project-tokens",           S::project_tokens,      P::reset_go},
    {"x-rate-limit-reset-tokens",                  S::tokens,              P::reset_go},  // Azure, so spelt
    // Anthropic
    {"anthropic-ratelimit-requests-limit",         S::requests,            P::limit},
    {"anthropic-ratelimit-requests-remaining",     S::requests,            P::remaining},
    {"anthropic-ratelimit-requests-reset",         S::requests,            P::reset_stamp},
    {"anthropic-ratelimit-tokens-limit",           S::tokens,              P::limit},
    {"anthropic-ratelimit-tokens-remaining",       S::tokens,              P::remaining},
    {"anthropic-ratelimit-tokens-reset",           S::tokens,              P::reset_stamp},
    {"anthropic-ratelimit-input-tokens-limit",     S::input_tokens,        P::limit},
    {"anthropic-ratelimit-input-tokens-remaining", S::input_tokens,        P::remaining},
    {"anthropic-ratelimit-input-tokens-reset",     S::input_tokens,        P::reset_stamp},
    {"anthropic-ratelimit-output-tokens-limit",     S::output_tokens,      P::limit},
    {"anthropic-ratelimit-output-tokens-remaining", S::output_tokens,      P::remaining},
    {"anthropic-ratelimit-output-tokens-reset",     S::output_tokens,      P::reset_stamp},
    // Cerebras, Mistral
    {"x-ratelimit-limit-requests-day",             S::requests_per_day,    P::limit},
    {"x-ratelimit-remaining-requests-day",         S::requests_per_day,    P::remaining},
    {"x-ratelimit-reset-requests-day",             S::requests_per_day,    P::reset_go},
    {"x-ratelimit-limit-tokens-minute",            S::tokens_per_minute,   P::limit},
    {"x-ratelimit-remaining-tokens-minute",        S::tokens_per_minute,   P::remaining},
    {"x-ratelimit-reset-tokens-minute",            S::tokens_per_minute,   P::reset_go},
    {"x-ratelimit-limit-req-minute",               S::requests_per_minute, P::limit},
    {"x-ratelimit-remaining-req-minute",           S::requests_per_minute, P::remaining},
    // Together
    {"x-ratelimit-limit",                          S::requests,            P::limit},
    {"x-ratelimit-remaining",                      S::requests,            P::remaining},
    {"x-ratelimit-reset",                          S::requests,            P::reset_short},
    {"x-tokenlimit-limit",                         S::tokens,              P::limit},
    {"x-tokenlimit-remaining",                     S::tokens,              P::remaining},
    // Fireworks
    {"x-ratelimit-limit-tokens-prompt",            S::input_tokens,        P::limit},
    {"x-ratelimit-remaining-tokens-prompt",        S::input_tokens,        P::remaining},
    {"x-ratelimit-limit-tokens-generated",         S::output_tokens,       P::limit},
    {"x-ratelimit-remaining-tokens-generated",     S::output_tokens,       P::remaining},
  });
}();
// clang-format on

/// A count that may have a fraction, which is dropped; nothing for what is negative or no number.
std::optional<std::int64_t> read_count(std::string_view text) {
  std::int64_t count = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, count);
  if (error != std::errc{} || text.front() == '-') return std::nullopt;
  const bool is_whole_or_fraction =
      rest == end || (*rest == '.' && std::all_of(rest + 1, end, ascii::is_digit));
  if (!is_whole_or_fraction) return std::nullopt;
  return count;
}

std::optional<milliseconds> read_short(std::string_view text) {
  const auto wait = parse_go_duration(text);
  return wait && *wait < wait_max ? wait : std::nullopt;
}

template <class Value>
void fill(std::optional<Value>& place, std::optional<Value> value) {
  if (!place) place = value;
}

/// Of two limits on the same thing the one that refuses first, or longer.
RateLimit tighter(const RateLimit& a, const RateLimit& b) {
  if (!b.remaining) return a == RateLimit{} ? b : a;
  if (!a.remaining) return b;
  if (*a.remaining != *b.remaining) return *a.remaining < *b.remaining ? a : b;
  return a.reset.value_or(milliseconds(0)) >= b.reset.value_or(milliseconds(0)) ? a : b;
}

std::optional<milliseconds> positive(std::optional<milliseconds> wait) {
  return wait && *wait > milliseconds(0) ? wait : std::nullopt;
}

}  // namespace

void RateHeaderReader::offer(std::string_view name, std::string_view value) {
  static_assert(static_cast<std::size_t>(Source::output_tokens) + 1 == source_count);
  const auto field = std::find_if(fields.begin(), fields.end(), [name](const Field& candidate) {
    return ascii::equals_ignoring_case(candidate.name, name);
  });
  if (field == fields.end()) return;
  RateLimit& limit = limits_.at(static_cast<std::size_t>(field->source));
  switch (field->part) {
    case Part::limit:
      return fill(limit.limit, read_count(value));
    case Part::remaining:
      return fill(limit.remaining, read_count(value));
    case Part::reset_go:
      return fill(limit.reset, parse_go_duration(value));
    case Part::reset_short:
      return fill(limit.reset, read_short(value));
    case Part::reset_stamp:
      return fill(limit.reset, wait_until_(value));
  }
}

RateSnapshot RateHeaderReader::snapshot() const {
  const auto of = [this](Source source) -> const RateLimit& {
    return limits_.at(static_cast<std::size_t>(source));
  };
  const RateLimit requests = tighter(of(Source::requests), of(Source::requests_per_minute));
  const RateLimit tokens = tighter(of(Source::tokens), of(Source::tokens_per_minute));
  RateLimit of_day = of(Source::requests_per_day);
  of_day.is_of_day = of_day != RateLimit{};
  return {.requests = tighter(requests, of_day),
          .tokens = tighter(tokens, of(Source::project_tokens)),
          .input_tokens = of(Source::input_tokens),
          .output_tokens = of(Source::output_tokens)};
}

std::optional<milliseconds> reset_wait(const RateSnapshot& snapshot) {
  std::optional<milliseconds> longest;
  for (const RateLimit* limit :
       {&snapshot.requests, &snapshot.tokens, &snapshot.input_tokens, &snapshot.output_tokens}) {
    if (limit->remaining == 0) longest = std::max(longest, positive(limit->reset));
  }
  return longest;
}

std::optional<milliseconds> retry_wait(std::optional<milliseconds> retry_after,
                                       const RateSnapshot& snapshot,
                                       std::optional<milliseconds> from_body) {
  if (const auto asked = positive(retry_after)) return asked;
  if (const auto reset = reset_wait(snapshot)) return reset;
  return positive(from_body);
}

std::optional<milliseconds> cooldown_wait(std::optional<milliseconds> retry_after,
                                          const RateSnapshot& snapshot,
                                          std::optional<milliseconds> from_body) {
  // An absent wait is less than any other.
  const auto longest = std::max(positive(retry_after), reset_wait(snapshot));
  return longest ? longest : positive(from_body);
}

}  // namespace weir::policy
