// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.hpp"
#include "sim/network.hpp"
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
  std::uint64_t request = 0;
  std::uint32_t words_sent = 0;  ///< words of the answer that left for the gateway
  bool is_complete = false;      ///< everything was sent, the end included
  bool is_open = true;           ///< neither side has ended it
  net::TimePoint ended{};        ///< once it isn't open
};

/// A model provider with moods. Answers request number R, which asks for N words, with the words
/// `R.0 R.1 ... R.N-1`, whoever is asked: so a mixed, doubled or shortened answer shows at once.
class Provider {
 public:
  Provider(VirtualLoop& loop, Random& random, Trace& trace, std::string name);

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// For the next connection.
  const Reception* receive();
  [[nodiscard]] const std::vector<std::shared_ptr<Service>>& book() const noexcept { return book_; }
  /// Forgets services that have ended before `time`.
  void forget_before(net::TimePoint time);
  /// From now on nothing goes wrong.
  void calm();

 private:
  class Connection;
  friend class Connection;
  Fault draw_fault(bool is_connection);
  void change_weather();

  VirtualLoop& loop_;
  Random& random_;
  Trace& trace_;
  std::string name_;
  Weather weather_;
  Reception reception_;
  bool is_calm_ = false;
  std::vector<std::shared_ptr<Service>> book_;
};

/// The answer that request `request` should get, as far as `words` go.
std::string words_of(std::uint64_t request, std::uint32_t from, std::uint32_t to);

}  // namespace weir::sim
