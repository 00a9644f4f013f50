// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "weir/error.hpp"

/// How attempts end, and what each end means for retries, failover, breakers, cooldowns and the
/// client. One table; everything that reacts to a failure reads it.
namespace weir::policy {

/// The end of one attempt. "Sent" means the request body was fully written.
enum class FailureClass : std::uint8_t {
  ok,              ///< a complete answer, a refusal by the model included
  connect,         ///< no connection: lookup, TCP, TLS handshake, or too slow at them
  certificate,     ///< the peer could not prove its name
  reset_early,     ///< closed before any answer, request not fully written
  reset_sent,      ///< closed before any answer, request sent
  timeout_sent,    ///< our own wait for the answer ended
  server,          ///< the provider says that it failed or is overloaded
  rate,            ///< too many requests for now
  quota,           ///< credit or a long-term allowance is used up
  auth,            ///< the provider doesn't know the key
  forbidden,       ///< the provider knows the key, which may not do this
  not_found,       ///< no such model there
  request,         ///< the provider finds fault with the request
  context,         ///< the prompt is longer than the model reads
  content_filter,  ///< the provider refuses the content
  malformed,       ///< an answer that breaks its protocol
  cut,             ///< the stream ended without its terminal event
  stalled,         ///< the stream fell silent
  redirect,        ///< an answer that sends us elsewhere; never followed
  local,           ///< we did not send it: breaker, limit, budget, capability, drain
  client,          ///< the client went away
};
inline constexpr std::size_t failure_class_count =
    static_cast<std::size_t>(FailureClass::client) + 1;

/// Who has to change something.
enum class Fault : std::uint8_t { nobody, caller, key, model, provider, network, gateway };

/// May the same target be asked again?
enum class SameTarget : std::uint8_t {
  no,
  yes,
  last_resort,  ///< only when no other target is usable and the wait is at most `max_inline_wait`
};

/// May another target be asked?
enum class NextTarget : std::uint8_t {
  no,
  yes,
  once_unless_streamed,  ///< streamed: yes; else one further attempt, `retry_on_total_timeout`
  before_commit,         ///< yes until content went out; later it is stream recovery's decision
  larger_context,        ///< only one that declares a larger context
  by_setting,            ///< only under `content_filter_failover`
};

enum class BreakerEffect : std::uint8_t { ignored, success, failure };

/// What a cooldown blocks (K-1).
enum class CooldownScope : std::uint8_t {
  none,
  target,                 ///< this key with this model
  target_if_retry_after,  ///< the same, but only when the provider named a wait
  key,                    ///< this key with every model
};

/// Which of the lengths of `CooldownOptions` holds where the provider names no wait.
enum class CooldownLength : std::uint8_t { none, rate_limit, quota, auth, forbidden, not_found };

/// One row of the failure table.
struct FailureTraits {
  FailureClass failure;
  std::string_view name;  ///< in logs and metrics
  Fault fault;
  SameTarget same_target;
  NextTarget next_target;
  BreakerEffect breaker;     ///< on the target's breaker
  bool counts_for_provider;  ///< also on the breaker of the provider's endpoint (section 6)
  CooldownScope cooldown;
  CooldownLength length;   ///< used when `cooldown` applies
  bool counts_as_attempt;  ///< against `max_attempts`
  bool maybe_billed;       ///< the provider may charge for it: booked as exposure
  ErrorCode code;          ///< the client's, if nothing else works; `ok` never gets there
};

// clang-format off
inline constexpr auto failure_table = [] {
  using F = FailureClass;
  using S = SameTarget;
  using N = NextTarget;
  using B = BreakerEffect;
  using C = CooldownScope;
  using L = CooldownLength;
  using E = ErrorCode;
  // class, name, fault, same target, next target, breaker, provider's too, cooldown, length, attempt, billed, code
  return std::array{
    FailureTraits{F::ok,             "ok",             Fault::nobody,   S::no,          N::no,                   B::success, true,  C::none,   L::none,       true,  false, E::internal_error},
    FailureTraits{F::connect,        "connect",        Fault::network,  S::yes,         N::yes,                  B::failure, true,  C::none,   L::none,       false, false, E::upstream_unreachable},
    FailureTraits{F::certificate,    "certificate",    Fault::provider, S::no,          N::yes,                  B::failure, true,  C::none,   L::none,       false, false, E::upstream_unreachable},
    FailureTraits{F::reset_early,    "reset_early",    Fault::network,  S::yes,         N::yes,                  B::failure, true,  C::none,   L::none,       true,  false, E::upstream_unreachable},
    FailureTraits{F::reset_sent,     "reset_sent",     Fault::network,  S::no,          N::yes,                  B::failure, false, C::none,   L::none,       true,  true,  E::upstream_error},
    FailureTraits{F::timeout_sent,   "timeout_sent",   Fault::provider, S::no,          N::once_unless_streamed, B::failure, false, C::none,   L::none,       true,  true,  E::upstream_timeout},
    FailureTraits{F::server,         "server",         Fault::provider, S::yes,         N::yes,                  B::failure, false, C::target_if_retry_after, L::rate_limit, true, false, E::upstream_error},
    FailureTraits{F::rate,           "rate",           Fault::key,      S::last_resort, N::yes,                  B::ignored, false, C::target, L::rate_limit, false, false, E::upstream_rate_limited},
    FailureTraits{F::quota,          "quota",          Fault::key,      S::no,          N::yes,                  B::ignored, false, C::target, L::quota,      true,  false, E::upstream_quota},
    FailureTraits{F::auth,           "auth",           Fault::key,      S::no,          N::yes,                  B::ignored, false, C::key,    L::auth,       false, false, E::upstream_auth},
    FailureTraits{F::forbidden,      "forbidden",      Fault::key,      S::no,          N::yes,                  B::ignored, false, C::target, L::forbidden,  false, false, E::upstream_auth},
    FailureTraits{F::not_found,      "not_found",      Fault::model,    S::no,          N::yes,                  B::ignored, false, C::target, L::not_found,  true,  false, E::model_unavailable},
    FailureTraits{F::request,        "request",        Fault::caller,   S::no,          N::no,                   B::ignored, false, C::none,   L::none,       true,  false, E::upstream_rejected},
    FailureTraits{F::context,        "context",        Fault::caller,   S::no,          N::larger_context,       B::ignored, false, C::none,   L::none,       true,  false, E::context_length_exceeded},
    FailureTraits{F::content_filter, "content_filter", Fault::caller,   S::no,          N::by_setting,           B::ignored, false, C::none,   L::none,       true,  false, E::content_filtered},
    FailureTraits{F::malformed,      "malformed",      Fault::provider, S::no,          N::before_commit,        B::failure, false, C::none,   L::none,       true,  true,  E::upstream_malformed},
    FailureTraits{F::cut,            "cut",            Fault::provider, S::no,          N::before_commit,        B::failure, false, C::none,   L::none,       true,  true,  E::upstream_error},
    FailureTraits{F::stalled,        "stalled",        Fault::provider, S::no,          N::before_commit,        B::failure, false, C::none,   L::none,       true,  true,  E::upstream_timeout},
    FailureTraits{F::redirect,       "redirect",       Fault::provider, S::no,          N::yes,                  B::failure, false, C::none,   L::none,       true,  false, E::upstream_error},
    FailureTraits{F::local,          "local",          Fault::gateway,  S::no,          N::yes,                  B::ignored, false, C::none,   L::none,       false, false, E::all_targets_unavailable},
    FailureTraits{F::client,         "client",         Fault::caller,   S::no,          N::no,                   B::ignored, false, C::none,   L::none,       true,  false, E::client_closed},
  };
}();
// clang-format on

/// The row of `failure`.
constexpr const FailureTraits& traits(FailureClass failure) {
  return failure_table[static_cast<std::size_t>(failure)];
}

constexpr std::string_view name(FailureClass failure) { return traits(failure).name; }

namespace detail {
constexpr bool is_sound(const FailureTraits& row) {
  const bool fails = row.failure != FailureClass::ok;
  const bool cools = row.cooldown != CooldownScope::none;
  return !row.name.empty() && cools == (row.length != CooldownLength::none) &&
         fails == (row.breaker != BreakerEffect::success) &&
         // What we never sent to a provider, or what it refused outright, it can't bill.
         (!row.maybe_billed || row.counts_as_attempt) &&
         // A provider breaker without the target's would let one slip past the other.
         (!row.counts_for_provider || row.breaker != BreakerEffect::ignored);
}
constexpr bool is_complete() {
  for (std::size_t i = 0; i < failure_table.size(); ++i) {
    if (static_cast<std::size_t>(failure_table[i].failure) != i) return false;
    if (!is_sound(failure_table[i])) return false;
  }
  return failure_table.size() == failure_class_count;
}
}  // namespace detail
static_assert(detail::is_complete(), "failure_table: one sound row per class, in its order");

}  // namespace weir::policy
