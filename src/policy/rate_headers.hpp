// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>

namespace weir::policy {

/// One limit as a provider reports it. What it does not report, or what makes no sense (Azure's
/// -1), is absent.
struct RateLimit {
  std::optional<std::int64_t> limit;
  std::optional<std::int64_t> remaining;
  std::optional<std::chrono::milliseconds> reset;  ///< from now until it is full again
  bool is_of_day = false;                          ///< by its field's name
  bool operator==(const RateLimit&) const = default;
};

struct RateSnapshot {
  RateLimit requests;
  RateLimit tokens;
  RateLimit input_tokens;
  RateLimit output_tokens;
  bool operator==(const RateSnapshot&) const = default;
};

/// Reads the limits out of a response's header, whichever family of fields the provider uses. Where
/// two fields speak of the same thing (tokens of the organisation and of the project, requests per
/// minute and per day) the one with less remaining is taken: it is the one that will refuse.
///
/// A field that stands twice counts once, the first time. Cost: constant per field, no allocation.
/// Source: the providers' pages on rate limits, gathered 2026-11.
class RateHeaderReader {
 public:
  /// Says how long it is until a time in RFC 3339's form; the server's `Date` should be its now.
  using WaitUntil = std::function<std::optional<std::chrono::milliseconds>(std::string_view)>;

  explicit RateHeaderReader(WaitUntil wait_until) : wait_until_(std::move(wait_until)) {}

  /// Takes one field; others than those about limits are passed over.
  void offer(std::string_view name, std::string_view value);

  [[nodiscard]] RateSnapshot snapshot() const;

 private:
  static constexpr std::size_t source_count = 8;

  WaitUntil wait_until_;
  std::array<RateLimit, source_count> limits_{};  // by what the field's name speaks of
};

/// The wait until the limits that are used up are full again: the longest of them. Nothing when
/// none is used up or its provider doesn't say.
std::optional<std::chrono::milliseconds> reset_wait(const RateSnapshot& snapshot);

/// The wait before the target may be asked again: what the provider asked for in so many words, in
/// `Retry-After` or its like; else the reset of a limit that is used up; else what its error body
/// said. A wait of 0 says nothing. Nothing: back off.
std::optional<std::chrono::milliseconds> retry_wait(
    std::optional<std::chrono::milliseconds> retry_after, const RateSnapshot& snapshot,
    std::optional<std::chrono::milliseconds> from_body);

/// How long a cooldown should last by the same sources: the longer of `Retry-After` and the reset
/// (K-2), else what the body said. Nothing: the ladder decides.
std::optional<std::chrono::milliseconds> cooldown_wait(
    std::optional<std::chrono::milliseconds> retry_after, const RateSnapshot& snapshot,
    std::optional<std::chrono::milliseconds> from_body);

}  // namespace weir::policy
