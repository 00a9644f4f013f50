// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "shared_state/gate.hpp"

namespace weir::sim {

/// The real gate, watched from outside: what it lends comes back (I-2), failures open a breaker
/// (B-1), an open one lets nothing through (B-2), a half-open one a single probe whose failure
/// opens it again (B-4, B-5), and a cooldown keeps what it covers away and then lets one in (K-1,
/// K-3).
///
/// It is told of the gate's transitions through `on_transition`.
class WatchedGate final : public pipeline::TargetGate {
 public:
  using Fail = std::function<void(const std::string& rule)>;
  WatchedGate(shared_state::Gate& gate, Fail fail) : gate_(gate), fail_(std::move(fail)) {}

  Permit permit(const pipeline::Target& target, net::TimePoint now) override;
  pipeline::milliseconds refused_for(const pipeline::Target& target, net::TimePoint now) override {
    return gate_.refused_for(target, now);
  }
  void note_first_content(const pipeline::Target& target, Permit& permit,
                          net::Duration first_content, net::TimePoint now) override;
  void report(const pipeline::Target& target, const Permit& permit,
              const policy::Classified& verdict, net::TimePoint now) override;
  bool may_retry(const pipeline::Upstream& upstream, net::TimePoint now) override {
    return gate_.may_retry(upstream, now);
  }
  void note_model_came(const pipeline::Target& target, net::TimePoint now) override {
    gate_.note_model_came(target, now);
  }
  void note_first_visit(const pipeline::Upstream& upstream, net::TimePoint now) override {
    gate_.note_first_visit(upstream, now);
  }

  /// A breaker has changed its state.
  void on_transition(const shared_state::Transition& change);
  /// Permits that nobody has reported yet.
  [[nodiscard]] std::int64_t lent() const { return lent_; }

 private:
  using State = policy::CircuitBreaker::State;
  /// What is to be expected of one target.
  struct Expected {
    State state = State::closed;
    std::optional<net::TimePoint> opened;
    int failures_in_row = 0;
    std::int64_t probes = 0;  ///< lent since it is half open
    /// Of what was lent since the latest change; nothing: nobody was let in since.
    std::optional<std::uint64_t> generation;
    net::TimePoint cool_until{};
    bool is_on_probation = false;
    std::int64_t tried = 0;                           ///< lent on probation
    std::int64_t lent = 0;                            ///< of all, and not given back
    std::int64_t places = 1;                          ///< at once, at least, after a cooldown
    std::optional<std::uint64_t> cooling_generation;  ///< the same of the cooldown
  };

  void check_breaker(const std::string& name, Expected& target, const Permit& permit,
                     policy::BreakerEffect effect, bool is_first_word);
  static void note_success(Expected& target);
  void note_cooldown(Expected& target, const policy::Classified& verdict, net::TimePoint now);

  shared_state::Gate& gate_;
  Fail fail_;
  std::map<std::string, Expected, std::less<>> targets_;
  std::int64_t lent_ = 0;
  net::TimePoint now_{};
};

}  // namespace weir::sim
