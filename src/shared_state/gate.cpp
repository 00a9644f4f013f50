// SPDX-License-Identifier: Apache-2.0
#include "shared_state/gate.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "base/hash.hpp"
#include "shared_state/gate_state.hpp"

namespace weir::shared_state {
namespace {

using pipeline::milliseconds;
using policy::BreakerEffect;
using policy::CircuitBreaker;
using policy::CooldownScope;
using policy::FailureClass;
using State = CircuitBreaker::State;
using Tickets = pipeline::TargetGate::Permit::Tickets;

/// Writes down what the latest call changed.
void book(Circuit& circuit, const std::string& name, net::TimePoint now,
          std::vector<Transition>& out) {
  for (const auto& change : circuit.breaker.transitions()) {
    circuit.since = now;
    circuit.cause = change.cause;
    if (change.to == State::open) ++circuit.openings;
    out.push_back({name, change.from, change.to, change.cause});
  }
}

/// H-3: the past stays where the settings do.
void go_by(const policy::BreakerOptions& options, Circuit& circuit, const std::string& name,
           net::TimePoint now, std::vector<Transition>& out) {
  if (circuit.breaker.options() == options) return;
  circuit.breaker.set_options(options, now);
  book(circuit, name, now, out);
}

std::string_view refusal_of(State state) {
  if (state == State::forced_open) return "closed off by an administrator";
  return state == State::half_open ? "being probed after failures" : "off after failures";
}

pipeline::TargetGate::Permit refused(std::string_view whose, std::string_view why,
                                     net::Duration remaining) {
  pipeline::TargetGate::Permit permit;
  permit.is_granted = false;
  permit.reason.append(whose).append(why);
  // Up: whoever comes when this time is over must not come too early.
  permit.remaining = std::chrono::ceil<milliseconds>(remaining);
  return permit;
}

/// Between the name of a target and that of its key, where there are several.
constexpr std::string_view key_mark = " by key ";

/// The state of the key with these header lines. Those of keys that nobody holds any more go.
std::shared_ptr<KeyState> key_state(ProviderState& provider, std::uint64_t fields_hash) {
  std::erase_if(provider.keys, [&](const std::shared_ptr<KeyState>& key) {
    return key->fields_hash != fields_hash && key.use_count() == 1;
  });
  for (const auto& key : provider.keys) {
    if (key->fields_hash == fields_hash) return key;
  }
  provider.keys.push_back(std::make_shared<KeyState>(KeyState{fields_hash, {}}));
  return provider.keys.back();
}

constexpr std::string_view provider_is = "the provider is ";
constexpr std::string_view target_is = "the target is ";

/// The four that must agree, under the provider's mutex.
class Council {
 public:
  Council(TargetState& target, KeyState& key, net::TimePoint now,
          std::vector<Transition>& transitions)
      : target_(target),
        provider_(*target.provider),
        key_(key),
        now_(now),
        transitions_(transitions) {
    provider_.latest = std::max(provider_.latest, now);
  }

  pipeline::TargetGate::Permit permit() {
    if (auto known = known_refusal()) return *std::move(known);
    const auto key = key_.cooling.cooldown.permit(provider_.cooldowns, now_);
    if (!key.permit) return refused(provider_is, "coming back slowly", key.remaining);
    const auto cooling = target_.cooling.cooldown.permit(provider_.cooldowns, now_);
    if (!cooling.permit) {
      key_.cooling.cooldown.give_back(*key.permit);
      return refused(target_is, "coming back slowly", cooling.remaining);
    }
    const auto endpoint = provider_.circuit.breaker.permit(now_, provider_.random);
    book(provider_.circuit, provider_.name, now_, transitions_);
    CircuitBreaker::Decision model;
    if (endpoint.permit) {
      model = target_.circuit.breaker.permit(now_, provider_.random);
      book(target_.circuit, target_.name, now_, transitions_);
    }
    if (!model.permit) {
      key_.cooling.cooldown.give_back(*key.permit);
      target_.cooling.cooldown.give_back(*cooling.permit);
      if (!endpoint.permit) return off(provider_is, provider_.circuit, endpoint.remaining);
      tell_provider(*endpoint.permit, BreakerEffect::ignored);
      return off(target_is, target_.circuit, model.remaining);
    }
    pipeline::TargetGate::Permit permit;
    permit.tickets = {*model.permit, *endpoint.permit, *cooling.permit, *key.permit};
    return permit;
  }

  /// B-6: what came so far is a success.
  void note_content(const Tickets& tickets, net::Duration first_content) {
    tell_target(tickets.target_breaker, BreakerEffect::success, first_content);
    tell_provider(tickets.provider_breaker, BreakerEffect::success);
    target_.cooling.cooldown.succeed(tickets.target_cooldown, provider_.cooldowns, now_);
    key_.cooling.cooldown.succeed(tickets.key_cooldown, provider_.cooldowns, now_);
  }

  void end(const pipeline::TargetGate::Permit& permit, const policy::Classified& verdict) {
    const policy::FailureTraits& row = policy::traits(verdict.failure);
    const Tickets& tickets = permit.tickets;
    if (!permit.has_content) {
      tell_target(tickets.target_breaker, row.breaker, {});
      tell_provider(tickets.provider_breaker,
                    row.counts_for_provider ? row.breaker : BreakerEffect::ignored);
    } else if (row.breaker == BreakerEffect::failure) {
      target_.circuit.breaker.report_late_failure(tickets.target_breaker, now_, provider_.random);
      book(target_.circuit, target_.name, now_, transitions_);
    }
    // `cooldown: 5m`: whatever was the target's own error, or that of the way to it, rests it.
    const bool rests = provider_.cooldowns.after_error && row.breaker == BreakerEffect::failure;
    const bool is_cooled =
        verdict.cooldown == CooldownScope::target ||
        (verdict.cooldown == CooldownScope::target_if_retry_after && verdict.wait);
    settle(target_.cooling, tickets.target_cooldown, permit.has_content, verdict,
           is_cooled || rests);
    settle(key_.cooling, tickets.key_cooldown, permit.has_content, verdict,
           verdict.cooldown == CooldownScope::key);
  }

 private:
  /// A refusal that needs no asking. Asking would begin a half-open breaker's time, although
  /// another one keeps the probe from being sent. It lasts as long as the longest of them.
  [[nodiscard]] std::optional<pipeline::TargetGate::Permit> known_refusal() const {
    std::optional<pipeline::TargetGate::Permit> longest;
    const auto offer = [&](std::string_view whose, std::string_view why, net::Duration remaining) {
      auto refusal = refused(whose, why, remaining);
      if (!longest || refusal.remaining > longest->remaining) longest = std::move(refusal);
    };
    const auto look = [&](std::string_view whose, const Circuit& circuit, const Cooling& cooling) {
      const State state = circuit.breaker.state();
      const net::Duration off = circuit.breaker.remaining(now_);
      const net::Duration cool = cooling.cooldown.remaining(now_);
      if (state == State::forced_open || off > net::Duration::zero()) {
        offer(whose, refusal_of(state), off);
      }
      if (cool > net::Duration::zero()) {
        offer(whose, "cooling down after " + std::string(name(cooling.cause)), cool);
      }
    };
    look(provider_is, provider_.circuit, key_.cooling);
    look(target_is, target_.circuit, target_.cooling);
    return longest;
  }

  static pipeline::TargetGate::Permit off(std::string_view whose, const Circuit& circuit,
                                          net::Duration remaining) {
    return refused(whose, refusal_of(circuit.breaker.state()), remaining);
  }

  void tell_target(CircuitBreaker::Permit ticket, BreakerEffect effect,
                   net::Duration first_content) {
    target_.circuit.breaker.report(ticket, effect, now_, provider_.random, first_content);
    book(target_.circuit, target_.name, now_, transitions_);
  }

  void tell_provider(CircuitBreaker::Permit ticket, BreakerEffect effect) {
    provider_.circuit.breaker.report(ticket, effect, now_, provider_.random);
    book(provider_.circuit, provider_.name, now_, transitions_);
  }

  void settle(Cooling& cooling, policy::Cooldown::Permit ticket, bool has_content,
              const policy::Classified& verdict, bool is_to_blame) {
    if (is_to_blame) {
      const policy::CooldownOptions& options = provider_.cooldowns;
      const policy::CooldownLength length = policy::traits(verdict.failure).length;
      std::optional<milliseconds> wait = verdict.wait;
      // Beside a spent day's allowance providers name the wait of their limit per minute.
      const bool is_of_minute =
          verdict.is_daily_limit && wait && *wait < options.ladder(length).lengths.front();
      if (is_of_minute) wait.reset();
      if (!wait && may_rest(verdict.failure)) wait = options.after_error;
      cooling.cooldown.begin(ticket, wait, options, length, now_, provider_.random);
      cooling.cause = verdict.failure;
    } else if (has_content) {
      return;  // it was given back with the first content
    } else if (verdict.failure == FailureClass::ok) {
      cooling.cooldown.succeed(ticket, provider_.cooldowns, now_);
    } else {
      cooling.cooldown.give_back(ticket);
    }
  }

  /// Keys, credit and models that are not there have lengths of their own.
  static bool may_rest(FailureClass failure) {
    return failure == FailureClass::rate ||
           policy::traits(failure).breaker == BreakerEffect::failure;
  }

  TargetState& target_;
  ProviderState& provider_;
  KeyState& key_;
  net::TimePoint now_;
  std::vector<Transition>& transitions_;
};

/// A new state in its place would let the same attempts through.
bool is_at_rest(const TargetState& target) {
  const std::lock_guard lock(target.provider->mutex);
  return target.circuit.breaker.state() == State::closed &&
         target.cooling.cooldown.remaining(target.provider->latest) == net::Duration::zero();
}

bool is_set_by_administrator(const TargetState& target) {
  const std::lock_guard lock(target.provider->mutex);
  const State state = target.circuit.breaker.state();
  return state == State::forced_open || state == State::disabled;
}

CircuitStatus status_of(const Circuit& circuit, net::TimePoint now) {
  return {.state = circuit.breaker.state(),
          .since = circuit.since,
          .cause = circuit.cause,
          .openings = circuit.openings,
          .remaining = circuit.breaker.remaining(now)};
}

CooldownStatus status_of(const Cooling& cooling, net::TimePoint now) {
  const net::Duration remaining = cooling.cooldown.remaining(now);
  if (remaining == net::Duration::zero()) return {};
  return {.remaining = remaining, .cause = cooling.cause};
}

TargetState& state_of(const pipeline::Target& target) {
  WEIR_ASSERT(target.state != nullptr);
  return *target.state;
}

KeyState& key_of(const pipeline::Target& target) {
  WEIR_ASSERT(target.upstream->key_state != nullptr);
  return *target.upstream->key_state;
}

/// Under the provider's mutex. Nothing is lost for a provider whose keys are all cooling: it is
/// off until the first of them is free.
CooldownStatus status_of(const std::vector<std::shared_ptr<KeyState>>& keys, net::TimePoint now) {
  std::optional<CooldownStatus> soonest;
  for (const auto& key : keys) {
    const CooldownStatus status = status_of(key->cooling, now);
    if (!soonest || status.remaining < soonest->remaining) soonest = status;
  }
  return soonest.value_or(CooldownStatus{});
}

ProviderState& state_of(const pipeline::Upstream& upstream) {
  WEIR_ASSERT(upstream.state != nullptr);
  return *upstream.state;
}

}  // namespace

Gate::Gate(Options options) : options_(std::move(options)), make_room_at_(options_.targets_kept) {}

Gate::~Gate() = default;

void Gate::attach(pipeline::Upstream& upstream) {
  Transitions transitions;
  attach(upstream, transitions);
  announce(transitions);
}

void Gate::attach(pipeline::Upstream& upstream, Transitions& transitions) {
  const std::lock_guard lock(mutex_);
  auto& state = providers_[upstream.name];
  if (!state) {
    state = std::make_shared<ProviderState>(upstream.name, upstream.endpoint_breaker,
                                            upstream.retry_budget,
                                            options_.seed ^ hash_of(upstream.name));
  }
  upstream.state = state;
  const std::lock_guard state_lock(state->mutex);
  if (state->retry_options != upstream.retry_budget) {
    state->retry_options = upstream.retry_budget;
    state->retry_budget = policy::RetryBudget(upstream.retry_budget);
  }
  state->target_breaker = upstream.target_breaker;
  state->cooldowns = upstream.cooldowns;
  go_by(upstream.endpoint_breaker, state->circuit, state->name, state->latest, transitions);
  upstream.key_state = key_state(*state, hash_of(upstream.fields));
}

void Gate::attach(pipeline::Target& target) {
  Transitions transitions;
  attach(target, transitions);
  announce(transitions);
}

void Gate::attach(pipeline::Target& target, Transitions& transitions) {
  WEIR_ASSERT(target.upstream->state != nullptr);
  const std::lock_guard lock(mutex_);
  const std::string& key_name = target.upstream->key_name;
  std::string name = target.name;
  if (!key_name.empty()) name.append(key_mark).append(key_name);
  target.state = target_state(name, target.upstream->state);
  const std::lock_guard state_lock(target.state->provider->mutex);
  const std::uint64_t fields_hash = target.upstream->key_state->fields_hash;
  if (target.state->fields_hash != fields_hash) target.state->cooling.cooldown.clear();
  target.state->fields_hash = fields_hash;
  ProviderState& provider = *target.state->provider;
  go_by(provider.target_breaker, target.state->circuit, target.state->name, provider.latest,
        transitions);
}

/// Under the gate's mutex.
std::shared_ptr<TargetState> Gate::target_state(std::string_view name,
                                                const std::shared_ptr<ProviderState>& provider) {
  const auto found = targets_.find(name);
  // A provider that was away has a new state. Its targets' are new too.
  if (found != targets_.end() && found->second->provider == provider) return found->second;
  make_room();
  auto made = std::make_shared<TargetState>(std::string(name), provider, provider->target_breaker);
  targets_.insert_or_assign(made->name, made);
  return made;
}

/// Under the gate's mutex, which alone hands out pointers: a target that only the map holds can't
/// be picked up by anyone meanwhile.
void Gate::make_room() {
  if (targets_.size() < make_room_at_) return;
  std::erase_if(targets_, [](const auto& entry) {
    return entry.second.use_count() == 1 && is_at_rest(*entry.second);
  });
  if (targets_.size() >= make_room_at_) {
    std::erase_if(targets_, [](const auto& entry) {
      return entry.second.use_count() == 1 && !is_set_by_administrator(*entry.second);
    });
  }
  // Where snapshots hold them all, the search must not be repeated for every new one.
  make_room_at_ = std::max(options_.targets_kept, 2 * targets_.size());
}

void Gate::keep_only(const std::set<std::string, std::less<>>& providers) {
  const std::lock_guard lock(mutex_);
  std::erase_if(targets_, [&](const auto& entry) {
    return !providers.contains(entry.second->provider->name);
  });
  std::erase_if(providers_, [&](const auto& entry) { return !providers.contains(entry.first); });
}

Gate::Permit Gate::permit(const pipeline::Target& target, net::TimePoint now) {
  TargetState& state = state_of(target);
  Transitions transitions;
  Permit permit;
  {
    const std::lock_guard lock(state.provider->mutex);
    permit = Council(state, key_of(target), now, transitions).permit();
  }
  announce(transitions);
  return permit;
}

milliseconds Gate::refused_for(const pipeline::Target& target, net::TimePoint now) {
  TargetState& state = state_of(target);
  const std::lock_guard lock(state.provider->mutex);
  net::Duration longest{};
  for (const Circuit* circuit : {&state.circuit, &state.provider->circuit}) {
    longest = std::max(longest, circuit->breaker.remaining(now));
  }
  for (const Cooling* cooling : {&state.cooling, &key_of(target).cooling}) {
    longest = std::max(longest, cooling->cooldown.remaining(now));
  }
  return std::chrono::ceil<milliseconds>(longest);
}

void Gate::note_first_content(const pipeline::Target& target, Permit& permit,
                              net::Duration first_content, net::TimePoint now) {
  WEIR_ASSERT(!permit.has_content);
  permit.has_content = true;
  TargetState& state = state_of(target);
  Transitions transitions;
  {
    const std::lock_guard lock(state.provider->mutex);
    Council(state, key_of(target), now, transitions).note_content(permit.tickets, first_content);
  }
  announce(transitions);
}

void Gate::report(const pipeline::Target& target, const Permit& permit,
                  const policy::Classified& verdict, net::TimePoint now) {
  WEIR_ASSERT(permit.is_granted);
  TargetState& state = state_of(target);
  Transitions transitions;
  {
    const std::lock_guard lock(state.provider->mutex);
    Council(state, key_of(target), now, transitions).end(permit, verdict);
  }
  announce(transitions);
}

bool Gate::may_retry(const pipeline::Upstream& upstream, net::TimePoint now) {
  ProviderState& state = state_of(upstream);
  const std::lock_guard lock(state.mutex);
  const bool may = state.retry_budget.try_retry(now);
  if (!may) ++state.retries_refused;
  return may;
}

void Gate::note_first_visit(const pipeline::Upstream& upstream, net::TimePoint now) {
  ProviderState& state = state_of(upstream);
  const std::lock_guard lock(state.mutex);
  state.retry_budget.count_first_visit(now);
}

void Gate::announce(const Transitions& transitions) const {
  if (!options_.on_transition) return;
  for (const Transition& transition : transitions) options_.on_transition(transition);
}

/// What an administrator's name means: a provider, or one target of it.
struct Gate::Named {
  std::shared_ptr<ProviderState> provider;
  bool is_provider = true;
  std::vector<std::shared_ptr<TargetState>> targets;  ///< of the provider; or one's, for each key
};

std::optional<Gate::Named> Gate::find(std::string_view name) {
  const std::lock_guard lock(mutex_);
  const auto slash = name.find('/');
  const auto found = providers_.find(name.substr(0, slash));
  if (found == providers_.end()) return std::nullopt;
  Named named{
      .provider = found->second, .is_provider = slash == std::string_view::npos, .targets = {}};
  if (named.is_provider) {
    named.targets = targets_of(*found->second);
  } else {
    named.targets = targets_named(name, found->second);
  }
  return named;
}

template <class Order>
bool Gate::tell_breaker(std::string_view name, net::TimePoint now, Order order) {
  const auto named = find(name);
  if (!named) return false;
  Transitions transitions;
  {
    const std::lock_guard lock(named->provider->mutex);
    const auto tell = [&](Circuit& circuit, const std::string& whose) {
      order(circuit.breaker);
      book(circuit, whose, now, transitions);
    };
    if (named->is_provider) {
      tell(named->provider->circuit, named->provider->name);
    } else {
      for (const auto& target : named->targets) tell(target->circuit, target->name);
    }
  }
  announce(transitions);
  return true;
}

void Gate::note_model_came(const pipeline::Target& target, net::TimePoint now) {
  const bool is_known = reset(target.name, now);
  WEIR_ASSERT(is_known);
}

bool Gate::force_open(std::string_view name, net::TimePoint now) {
  return tell_breaker(name, now, [](CircuitBreaker& breaker) { breaker.force_open(); });
}

bool Gate::disable(std::string_view name, net::TimePoint now) {
  return tell_breaker(name, now, [](CircuitBreaker& breaker) { breaker.disable(); });
}

bool Gate::heed_peer(std::string_view name, net::TimePoint now) {
  return tell_breaker(name, now, [now](CircuitBreaker& breaker) { breaker.heed_peer(now); });
}

bool Gate::reset(std::string_view name, net::TimePoint now) {
  const auto named = find(name);
  if (!named) return false;
  ProviderState& provider = *named->provider;
  Transitions transitions;
  if (named->is_provider) {
    const std::lock_guard lock(provider.mutex);
    provider.circuit.breaker.release(now);
    book(provider.circuit, provider.name, now, transitions);
    for (const auto& key : provider.keys) key->cooling.cooldown.clear();
  }
  // One at a time: nobody may have to wait for all of them.
  for (const auto& target : named->targets) {
    const std::lock_guard lock(provider.mutex);
    target->circuit.breaker.release(now);
    book(target->circuit, target->name, now, transitions);
    target->cooling.cooldown.clear();
  }
  announce(transitions);
  return true;
}

/// Under the gate's mutex. The map is ordered, and all of a provider's targets begin alike.
std::vector<std::shared_ptr<TargetState>> Gate::targets_of(const ProviderState& provider) const {
  std::vector<std::shared_ptr<TargetState>> targets;
  const std::string prefix = provider.name + "/";
  for (auto entry = targets_.lower_bound(prefix);
       entry != targets_.end() && entry->first.starts_with(prefix); ++entry) {
    if (entry->second->provider.get() == &provider) targets.push_back(entry->second);
  }
  return targets;
}

/// Under the gate's mutex. The states of one target, a state for each key; made where it has none.
std::vector<std::shared_ptr<TargetState>> Gate::targets_named(
    std::string_view name, const std::shared_ptr<ProviderState>& provider) {
  std::vector<std::shared_ptr<TargetState>> targets;
  const std::string keyed = std::string(name).append(key_mark);
  for (auto entry = targets_.lower_bound(keyed);
       entry != targets_.end() && entry->first.starts_with(keyed); ++entry) {
    if (entry->second->provider == provider) targets.push_back(entry->second);
  }
  if (targets.empty()) targets.push_back(target_state(name, provider));
  return targets;
}

std::vector<ProviderStatus> Gate::status(net::TimePoint now) const {
  std::vector<ProviderStatus> all;
  const std::lock_guard lock(mutex_);
  all.reserve(providers_.size());
  for (const auto& [name, provider] : providers_) {
    ProviderStatus status;
    status.name = name;
    const auto targets = targets_of(*provider);
    status.targets.reserve(targets.size());
    for (const auto& target : targets) {
      TargetStatus& row = status.targets.emplace_back();
      row.name = target->name;
      const std::lock_guard provider_lock(provider->mutex);
      row.circuit = status_of(target->circuit, now);
      row.cooldown = status_of(target->cooling, now);
    }
    {
      const std::lock_guard provider_lock(provider->mutex);
      status.circuit = status_of(provider->circuit, now);
      status.cooldown = status_of(provider->keys, now);
      status.retries_refused = provider->retries_refused;
    }
    all.push_back(std::move(status));
  }
  return all;
}

// ---- Over a restart -----------------------------------------------------------------------------

namespace {

constexpr std::chrono::seconds kept_cooldown_min{60};

bool is_order(State state) { return state == State::forced_open || state == State::disabled; }

/// Under the provider's mutex.
void keep(std::vector<KeptState>& all, const std::string& name, std::uint64_t key,
          const Circuit* circuit, const Cooling* cooling, net::TimePoint now) {
  KeptState kept{.name = name, .key = key};
  if (circuit != nullptr && is_order(circuit->breaker.state())) {
    kept.order = circuit->breaker.state();
  }
  if (cooling != nullptr && cooling->cooldown.remaining(now) > kept_cooldown_min) {
    kept.cooldown = cooling->cooldown.remaining(now);
    kept.cause = cooling->cause;
  }
  const bool is_worth_it = kept.order != State::closed || kept.cooldown > net::Duration::zero();
  if (is_worth_it) all.push_back(std::move(kept));
}

void go_on(Cooling& cooling, const KeptState& kept, const policy::CooldownOptions& options,
           net::TimePoint now) {
  cooling.cooldown.resume(kept.cooldown, options, now);
  cooling.cause = kept.cause;
}

}  // namespace

std::vector<KeptState> Gate::kept(net::TimePoint now) const {
  std::vector<KeptState> all;
  const std::lock_guard lock(mutex_);
  for (const auto& [name, provider] : providers_) {
    const auto targets = targets_of(*provider);
    const std::lock_guard provider_lock(provider->mutex);
    keep(all, name, 0, &provider->circuit, nullptr, now);
    for (const auto& key : provider->keys) {
      keep(all, name, key->fields_hash, nullptr, &key->cooling, now);
    }
    // The key belongs to what the target is cooled for: with another one it is free.
    for (const auto& target : targets) {
      keep(all, target->name, target->fields_hash, &target->circuit, &target->cooling, now);
    }
  }
  return all;
}

void Gate::restore(const std::vector<KeptState>& states, net::TimePoint now) {
  for (const KeptState& kept : states) {
    if (kept.order == State::forced_open) force_open(kept.name, now);
    if (kept.order == State::disabled) disable(kept.name, now);
    if (kept.cooldown <= net::Duration::zero()) continue;
    const std::lock_guard lock(mutex_);
    const auto slash = kept.name.find('/');
    const auto found = providers_.find(std::string_view(kept.name).substr(0, slash));
    if (found == providers_.end()) continue;
    const std::shared_ptr<ProviderState> provider = found->second;
    const bool is_of_target = slash != std::string::npos;
    const auto target = is_of_target ? target_state(kept.name, provider) : nullptr;
    const std::lock_guard provider_lock(provider->mutex);
    const auto key = std::find_if(provider->keys.begin(), provider->keys.end(),
                                  [&](const auto& one) { return one->fields_hash == kept.key; });
    if (key == provider->keys.end()) continue;  // it has another key now
    if (target == nullptr) {
      go_on((*key)->cooling, kept, provider->cooldowns, now);
    } else {
      target->fields_hash = (*key)->fields_hash;
      go_on(target->cooling, kept, provider->cooldowns, now);
    }
  }
}

}  // namespace weir::shared_state
