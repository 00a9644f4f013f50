// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace weir::config {

/// Every wait that has an end, in the order of a request's life.
enum class Timeout : std::uint8_t {
  client_tls_handshake,
  client_headers,
  client_body_idle,
  client_body_total,
  client_keepalive_idle,
  client_write_stall,
  dns,
  connect,
  request_write_stall,
  first_byte,
  first_content,
  stream_idle,
  content_idle,
  after_finish,
  attempt_total,
  request_total,
  stream_total,
  pool_idle,
};
inline constexpr std::size_t timeout_count = static_cast<std::size_t>(Timeout::pool_idle) + 1;

/// Where a timeout may be set; each scope includes the ones before it.
enum class TimeoutScope : std::uint8_t { server, provider_and_route, model };

struct TimeoutSpec {
  Timeout id;
  std::string_view rule;  ///< its number in the failure semantics
  std::string_view name;
  std::chrono::milliseconds standard;
  std::chrono::milliseconds local;  ///< for providers that run on the user's machine
  bool may_be_off;                  ///< 0 switches it off
  TimeoutScope scope;
  std::string_view doc;
};

// clang-format off
namespace timeout_units {
using std::chrono::milliseconds;
constexpr milliseconds sec(std::int64_t n) { return milliseconds(n * 1'000); }
}  // namespace timeout_units

/// The table the loader, the documentation and `timeout_of` run from.
inline constexpr auto timeout_specs = [] {
  using enum Timeout;
  using enum TimeoutScope;
  using timeout_units::sec;
  return std::array<TimeoutSpec, timeout_count>{{
    {client_tls_handshake,  "T-1",  "client_tls_handshake",  sec(10),   sec(10),   true,  server, "A client's TLS handshake"},
    {client_headers,        "T-2",  "client_headers",        sec(10),   sec(10),   false, server, "The header of a request"},
    {client_body_idle,      "T-3",  "client_body_idle",      sec(15),   sec(15),   false, server, "Silence within a request's body"},
    {client_body_total,     "T-4",  "client_body_total",     sec(120),  sec(120),  true,  server, "A request's whole body; one second is added per 64 KiB"},
    {client_keepalive_idle, "T-5",  "client_keepalive_idle", sec(75),   sec(75),   true,  server, "An idle client connection"},
    {client_write_stall,    "T-6",  "client_write_stall",    sec(30),   sec(30),   true,  server, "A client that takes no bytes while some wait"},
    {dns,                   "T-7",  "dns",                   sec(2),    sec(2),    true,  provider_and_route, "Looking up a provider's name"},
    {connect,               "T-8",  "connect",               sec(5),    sec(5),    false, provider_and_route, "Connecting to a provider, TLS included"},
    {request_write_stall,   "T-9",  "request_write_stall",   sec(15),   sec(15),   true,  provider_and_route, "A provider that takes no bytes of the request"},
    {first_byte,            "T-10", "first_byte",            sec(60),   sec(600),  true,  model, "Streaming: until the answer's header"},
    {first_content,         "T-11", "first_content",         sec(120),  sec(600),  true,  model, "Streaming: until the first content"},
    {stream_idle,           "T-12", "stream_idle",           sec(60),   sec(600),  false, model, "Streaming: silence between bytes"},
    {content_idle,          "T-13", "content_idle",          sec(180),  sec(180),  true,  model, "Streaming: silence between pieces of content; 600s for reasoning models"},
    {after_finish,          "S-9.4","after_finish",          sec(2),    sec(2),    false, provider_and_route, "Streaming: from the last finish reason to usage and the stream's end"},
    {attempt_total,         "T-14", "attempt_total",         sec(60),   sec(540),  true,  provider_and_route, "Not streaming: one attempt; a second is added per 30 output tokens asked for, within 120s and 540s"},
    {request_total,         "T-15", "request_total",         sec(590),  sec(590),  false, provider_and_route, "All attempts and waits together, until the answer begins"},
    {stream_total,          "T-17", "stream_total",          sec(3600), sec(3600), true,  provider_and_route, "A stream from its first content to its end"},
    {pool_idle,             "T-16", "pool_idle",             sec(50),   sec(4),    true,  provider_and_route, "An idle connection to a provider is not used again after"},
  }};
}();
// clang-format on

constexpr const TimeoutSpec& spec_of(Timeout id) {
  return timeout_specs[static_cast<std::size_t>(id)];
}
static_assert([] {
  for (std::size_t i = 0; i < timeout_count; ++i) {
    if (timeout_specs[i].id != static_cast<Timeout>(i)) return false;
  }
  return true;
}());

/// The timeouts that one scope sets; the others come from the wider scope.
class Timeouts {
 public:
  [[nodiscard]] std::optional<std::chrono::milliseconds> get(Timeout id) const {
    return values_[static_cast<std::size_t>(id)];
  }
  void set(Timeout id, std::chrono::milliseconds value) {
    values_[static_cast<std::size_t>(id)] = value;
  }
  /// These with what `narrower` sets put over them.
  [[nodiscard]] Timeouts with(const Timeouts& narrower) const;
  /// The value in force; 0 = off.
  [[nodiscard]] std::chrono::milliseconds in_force(Timeout id, bool is_local) const {
    const TimeoutSpec& spec = spec_of(id);
    return get(id).value_or(is_local ? spec.local : spec.standard);
  }
  bool operator==(const Timeouts&) const = default;

 private:
  std::array<std::optional<std::chrono::milliseconds>, timeout_count> values_;
};

/// How long a model that reasons may think between two pieces of content (T-13).
inline constexpr std::chrono::milliseconds content_idle_reasoning{600'000};

/// How long one attempt that does not stream may take (T-14): grows with the output asked for,
/// within [120 s, 540 s]; a value that was set is taken as it is. 0 = off.
std::chrono::milliseconds attempt_total(const Timeouts& timeouts, bool is_local,
                                        std::int64_t output_tokens);

/// T-13 for a model: the set value, else by whether it reasons.
std::chrono::milliseconds content_idle(const Timeouts& timeouts, bool is_local, bool reasons);

}  // namespace weir::config
