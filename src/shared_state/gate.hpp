// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/target_gate.hpp"
#include "policy/circuit_breaker.hpp"
#include "policy/retry_budget.hpp"

namespace weir::shared_state {

struct CircuitStatus {
  policy::CircuitBreaker::State state{};
  std::optional<net::TimePoint> since;                 ///< nothing: since the start
  std::optional<policy::CircuitBreaker::Cause> cause;  ///< of the latest change
  std::uint64_t openings = 0;                          ///< since the start
  net::Duration remaining{};                           ///< until a probe may go; 0 = unknown
};

struct CooldownStatus {
  net::Duration remaining{};  ///< 0 = none
  std::optional<policy::FailureClass> cause;
};

struct TargetStatus {
  std::string name;
  CircuitStatus circuit;
  CooldownStatus cooldown;
};

struct ProviderStatus {
  std::string name;
  CircuitStatus circuit;
  CooldownStatus cooldown;            ///< of its key; of several the one that is free first
  std::uint64_t retries_refused = 0;  ///< by the retry budget, since the start
  std::vector<TargetStatus> targets;  ///< those that were asked for, by name
};

/// A breaker changed its state.
struct Transition {
  std::string name;  ///< of a provider, or `provider/model`
  policy::CircuitBreaker::State from{};
  policy::CircuitBreaker::State to{};
  policy::CircuitBreaker::Cause cause{};
};

/// What of the gate's memory outlives the program (B-8, K-4): what an administrator said, and
/// cooldowns that last for longer than a minute.
struct KeptState {
  std::string name;       ///< of a provider, or of a target as the gate calls it
  std::uint64_t key = 0;  ///< a hash of the header lines that the key is sent in
  policy::CircuitBreaker::State order =
      policy::CircuitBreaker::State::closed;              ///< or what was said
  net::Duration cooldown{};                               ///< that is left; 0 = none
  policy::FailureClass cause = policy::FailureClass::ok;  ///< of the cooldown
};

/// The gate in front of all targets, shared by all threads: breakers of targets and providers,
/// cooldowns of targets and keys, retry budgets (sections 5 to 7). An attempt needs the word of
/// all of them; when one refuses, the others get their permits back.
///
/// State belongs to names, so that it outlives the snapshots of the configuration (H-3). A snapshot
/// attaches its targets once; from then on a permit costs one short mutex per provider, no look-up
/// and no allocation.
///
/// An entry may have several keys; each cools down alone, and with each model it is a target of its
/// own. Breakers of the endpoint and the retry budget belong to all of them.
///
/// For any thread.
class Gate final : public pipeline::TargetGate {
 public:
  struct Options {
    std::uint64_t seed = 0;  ///< of jitter; the same seed and script give the same times
    /// Clients may ask for any model of a provider: with so many targets known, those that no
    /// snapshot holds and that have nothing to remember are forgotten.
    std::size_t targets_kept = 10'000;
    /// Called after the fact, on the thread that brought it about, without any lock: changes of one
    /// breaker may be told out of order.
    std::function<void(const Transition&)> on_transition = {};
  };

  explicit Gate(Options options);
  ~Gate() override;

  /// Finds or makes the state of `upstream` and ties it to it. Its circuit breakers go by what the
  /// latest upstream of the name says. When the header lines that it sends
  /// have changed, its key may have: what cooled down under the old one is free again, here and in
  /// its targets as they are attached.
  void attach(pipeline::Upstream& upstream);
  /// The same for a target. Precondition: its upstream is attached (asserted).
  void attach(pipeline::Target& target);
  /// Forgets the providers that are not in `providers`, with their targets.
  void keep_only(const std::set<std::string, std::less<>>& providers);

  // Precondition of all seven: the target, or the upstream, was attached (asserted).
  Permit permit(const pipeline::Target& target, net::TimePoint now) override;
  pipeline::milliseconds refused_for(const pipeline::Target& target, net::TimePoint now) override;
  void note_first_content(const pipeline::Target& target, Permit& permit,
                          net::Duration first_content, net::TimePoint now) override;
  void report(const pipeline::Target& target, const Permit& permit,
              const policy::Classified& verdict, net::TimePoint now) override;
  bool may_retry(const pipeline::Upstream& upstream, net::TimePoint now) override;
  void note_model_came(const pipeline::Target& target, net::TimePoint now) override;
  void note_first_visit(const pipeline::Upstream& upstream, net::TimePoint now) override;

  // An administrator's words about a provider, or about the target `provider/model`, whether it was
  // asked for before or not. False: there is no such provider.
  bool force_open(std::string_view name, net::TimePoint now);
  bool disable(std::string_view name, net::TimePoint now);
  /// Closes the breaker and ends the cooldown; for a provider those of all its targets as well.
  bool reset(std::string_view name, net::TimePoint now);

  /// A circuit of that name has opened in another program: for a while few calls are enough to
  /// judge by (B-9, `BreakerOptions::peer_window`). False: there is none.
  bool heed_peer(std::string_view name, net::TimePoint now);

  /// By name.
  [[nodiscard]] std::vector<ProviderStatus> status(net::TimePoint now) const;

  /// What is to be kept of this moment.
  [[nodiscard]] std::vector<KeptState> kept(net::TimePoint now) const;
  /// Goes on with what an earlier program kept; what is of providers or keys that there are not any
  /// more is passed over. Once, after the first snapshot.
  void restore(const std::vector<KeptState>& states, net::TimePoint now);

 private:
  using Transitions = std::vector<Transition>;  // nearly always empty: no allocation
  template <class State>
  using ByName = std::map<std::string, std::shared_ptr<State>, std::less<>>;
  struct Named;

  void attach(pipeline::Upstream& upstream, Transitions& transitions);
  void attach(pipeline::Target& target, Transitions& transitions);
  std::shared_ptr<TargetState> target_state(std::string_view name,
                                            const std::shared_ptr<ProviderState>& provider);
  void make_room();
  [[nodiscard]] std::vector<std::shared_ptr<TargetState>> targets_of(
      const ProviderState& provider) const;
  [[nodiscard]] std::vector<std::shared_ptr<TargetState>> targets_named(
      std::string_view name, const std::shared_ptr<ProviderState>& provider);
  [[nodiscard]] std::optional<Named> find(std::string_view name);
  template <class Order>
  bool tell_breaker(std::string_view name, net::TimePoint now, Order order);
  void announce(const Transitions& transitions) const;

  const Options options_;
  mutable std::mutex mutex_;  // of the two maps; taken before a provider's
  ByName<ProviderState> providers_;
  ByName<TargetState> targets_;
  std::size_t make_room_at_;
};

}  // namespace weir::shared_state
