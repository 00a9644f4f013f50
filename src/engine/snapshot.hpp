// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/environment.hpp"
#include "config/resolve.hpp"
#include "pipeline/route.hpp"
#include "shared_state/gate.hpp"

namespace weir::engine {

/// One configuration, made ready to serve: names become routes whose targets know their origin, key
/// and waits. Immutable to its users; requests in flight keep the snapshot they began with.
class Snapshot {
 public:
  /// Counters and connections of `previous` (may be null) go on where a provider or target keeps
  /// its name, and so does what `gate` knows of it. The gate outlives the snapshot. Errors:
  /// `invalid_request` for a base URL or proxy that can't be used; nothing has changed then.
  static Result<std::shared_ptr<const Snapshot>> make(
      std::shared_ptr<const config::Resolver> resolver, const config::Environment& environment,
      shared_state::Gate& gate, const Snapshot* previous);

  /// The same from a configuration as it was read. Errors also: routes that mean nothing.
  static Result<std::shared_ptr<const Snapshot>> make(config::Config config,
                                                      const config::Environment& environment,
                                                      shared_state::Gate& gate,
                                                      const Snapshot* previous);

  /// The route that `name` means, built at first use, or with the snapshot where several targets of
  /// the one before were in use under that name. Errors: `model_unavailable` with the nearest
  /// names. For any thread.
  [[nodiscard]] Result<std::shared_ptr<const pipeline::Route>> route(std::string_view name) const;

  /// The names that were asked for of routes with several targets. For any thread.
  [[nodiscard]] std::vector<std::string> wide_routes_in_use() const;

  /// The capabilities that targets were found to lack, by target name; only those with any.
  [[nodiscard]] std::map<std::string, providers::Capabilities, std::less<>> refused() const;
  /// Of how many providers and targets there are figures.
  [[nodiscard]] std::size_t names_counted() const;
  /// The figures of each of them, by name: `provider` and `provider/model`. They outlive a reload.
  [[nodiscard]] std::vector<
      std::pair<std::string, std::shared_ptr<const pipeline::TrafficCounters>>>
  traffic() const;
  /// Lets the targets of `provider` be tried anew.
  void forget_refused(std::string_view provider) const;

  /// The route to a provider whose configuration lets clients call any path of it. Errors:
  /// `route_unknown`. For any thread.
  [[nodiscard]] Result<std::shared_ptr<const pipeline::Route>> passthrough(
      std::string_view provider) const;
  /// The route to the provider at `provider`, for what Weir itself has to say there. Null: it is
  /// switched off or a mock. For any thread.
  [[nodiscard]] std::shared_ptr<const pipeline::Route> raw_route(std::size_t provider) const;

  [[nodiscard]] const config::Resolver& resolver() const { return *resolver_; }
  [[nodiscard]] const config::Config& config() const { return resolver_->config(); }
  /// In the order of `config().providers`, each with its first key.
  [[nodiscard]] const std::vector<std::shared_ptr<const pipeline::Upstream>>& upstreams() const {
    return upstreams_;
  }

 private:
  template <class Entry>
  using ByName = std::map<std::string, std::shared_ptr<Entry>, std::less<>>;
  /// What outlives a configuration: all snapshots that follow one another share it, so that what a
  /// request learns while it still goes by the old one is not lost (H-3).
  struct Memory {
    std::mutex mutex;  // taken after a snapshot's own
    ByName<pipeline::TrafficCounters> counters;
    ByName<pipeline::Learnt> learnt;
  };

  Snapshot(std::shared_ptr<const config::Resolver> resolver, shared_state::Gate& gate)
      : resolver_(std::move(resolver)), gate_(gate) {}
  [[nodiscard]] std::shared_ptr<const pipeline::Route> build(const config::Resolution& found,
                                                             std::string_view found_as) const;
  /// With the first key; the target knows those with the others.
  [[nodiscard]] std::shared_ptr<const pipeline::Target> build_keyed(
      const config::Resolution& route, const config::Target& found) const;
  [[nodiscard]] std::shared_ptr<pipeline::Target> build(
      const config::Resolution& route, const config::Target& found,
      std::shared_ptr<const pipeline::Upstream> upstream, bool as_responses) const;
  void set_paths(pipeline::Target& target, const config::ProviderConfig& provider,
                 std::string_view model) const;
  [[nodiscard]] std::shared_ptr<pipeline::TrafficCounters> counters_of(
      const std::string& name) const;
  [[nodiscard]] std::shared_ptr<pipeline::Learnt> learnt_of(const std::string& name) const;

  std::shared_ptr<const config::Resolver> resolver_;
  shared_state::Gate& gate_;
  std::vector<std::shared_ptr<const pipeline::Upstream>> upstreams_;
  std::vector<std::vector<std::shared_ptr<const pipeline::Upstream>>> other_keys_;
  mutable std::mutex mutex_;
  mutable std::map<std::string, std::shared_ptr<const pipeline::Route>, std::less<>> routes_;
  std::shared_ptr<Memory> memory_ = std::make_shared<Memory>();
};

}  // namespace weir::engine
