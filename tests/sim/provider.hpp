// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/random.hpp"
#include "sim/network.hpp"
#include "sim/speech.hpp"
#include "sim/trace.hpp"

namespace weir::sim {

/// What a provider may do in the place of a good answer.
enum class Fault : std::uint8_t {
  none,
  refuse_connection,
  silent_connection,
  close_before_answer,  ///< the request is read, then the connection is reset
  never_answer,
  server_error,       ///< 500
  overloaded,         ///< 503 with Retry-After
  rate_limit,         ///< 429 with Retry-After
  rate_limit_untold,  ///< 429 without
  bad_key,            ///< 401
  html,               ///< 200 with a page
  broken_json,        ///< 200 with half an answer in whole framing
  cut_body,           ///< the connection ends before the body does
  lying_length,       ///< more bytes than Content-Length says
  late_start,         ///< the answer is good, but long in coming
  cut_stream,         ///< the connection ends between two events
  reset_stream,       ///< the same by a reset
  stall_stream,       ///< silence between two events
  broken_event,       ///< one event is no JSON; the rest is good
  error_event,        ///< the stream tells of an error
  no_terminator,      ///< all content, then a clean end of the body
  double_terminator,  ///< the end, twice
};
inline constexpr std::size_t fault_count = 22;
std::string_view name(Fault fault) noexcept;

/// The weather over one provider: how likely each fault is, per thousand, and until when.
struct Weather {
  std::array<std::uint16_t, fault_count> per_mille{};
  net::TimePoint until{};
};

/// What a provider remembers of a call: its book, to be compared with the gateway's.
struct Service {
  bool is_open = true;         ///< neither side has ended it
  bool is_free = false;        ///< it was refused
  std::string text_taken;      ///< of the answer, what the gateway has read
  std::optional<Tokens> told;  ///< the latest usage that the gateway has read
};

/// Who a provider is and what it takes for a token.
struct Tariff {
  std::string_view name;
  std::string_view type;
  std::string_view model;
  wire::Dialect dialect = wire::Dialect::openai_chat;
  std::int64_t input_nanousd = 0;
  std::int64_t output_nanousd = 0;
};

/// A model provider with moods. Answers request number R, which asks for N words, with the words
/// `R.0 R.1 ... R.N-1`, whoever is asked: so a mixed, doubled or shortened answer shows at once.
class Provider {
 public:
  /// `count_input` says how many tokens the input of a request has.
  Provider(VirtualLoop& loop, Random& random, Trace& trace, Tariff tariff,
           std::function<std::int64_t(std::uint64_t request)> count_input);

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// For the next connection.
  const Reception* receive();
  /// What it charges for all that it did for a request: by what it told of its usage or, where that
  /// did not arrive, by what the gateway could count itself.
  [[nodiscard]] std::int64_t bill(std::uint64_t request) const;
  [[nodiscard]] bool was_asked(std::uint64_t request) const { return book_.contains(request); }
  [[nodiscard]] bool is_serving(std::uint64_t request) const;
  void forget(std::uint64_t request) { book_.erase(request); }
  /// Nothing is in it that was not forgotten.
  [[nodiscard]] bool is_book_empty() const { return book_.empty(); }
  /// From now on nothing goes wrong.
  void calm();

 private:
  class Connection;
  friend class Connection;
  Fault draw_fault(bool is_connection);
  [[nodiscard]] bool closes_idle_connection();
  void change_weather();

  VirtualLoop& loop_;
  Random& random_;
  Trace& trace_;
  Tariff tariff_;
  std::string name_;
  const Speech& speech_;
  std::function<std::int64_t(std::uint64_t)> count_input_;
  Weather weather_;
  Reception reception_;
  bool is_calm_ = false;
  std::unordered_map<std::uint64_t, std::vector<std::shared_ptr<Service>>> book_;  ///< by request
};

/// The answer that request `request` should get, as far as `words` go.
std::string words_of(std::uint64_t request, std::uint32_t from, std::uint32_t to);

}  // namespace weir::sim
