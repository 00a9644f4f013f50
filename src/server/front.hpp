// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_range.hpp"
#include "base/random.hpp"
#include "engine/current_snapshot.hpp"
#include "identity/directory.hpp"
#include "ledger/journal.hpp"
#include "net/server.hpp"
#include "pipeline/attempt_loop.hpp"
#include "server/client_request.hpp"
#include "server/model_calls.hpp"
#include "server/ollama_calls.hpp"
#include "server/pulse.hpp"
#include "server/responses_door.hpp"
#include "server/routes.hpp"
#include "server/service_calls.hpp"
#include "shared_state/failovers.hpp"
#include "shared_state/occupancy.hpp"

namespace weir::engine {
class Engine;
}

namespace weir::server {

using engine::Snapshot;

class Admin;
class Background;
class Log;

/// What every thread's front shares and none changes on the hot path.
struct Shared {
  const engine::CurrentSnapshot& snapshots;
  shared_state::Occupancy& occupancy;
  /// Requests to the administration; null while there is none.
  Admin* admin = nullptr;
  /// Where they are answered. Precondition: there is one where there is an administration.
  Background* background = nullptr;
  Log* log = nullptr;                    ///< null: nothing is written down
  ResponseArchive* responses = nullptr;  ///< null only where no client calls
  Idempotency* idempotency = nullptr;    ///< null: no request is made once only
  /// Users and keys; null where there is no place to keep any.
  const identity::Directory* directory = nullptr;
  /// Where request bodies lie that are too large for memory.
  std::string uploads_directory = {};
  /// Told the provider whose models may be others now; for any thread. May be empty.
  OllamaCalls::OnModelsChanged on_models_changed = {};
  shared_state::Failovers* failovers = nullptr;  ///< null: they are not counted
  shared_state::Limits* limits = nullptr;        ///< null: no budget sends calls elsewhere
  ContentLog* contents = nullptr;                ///< null: no content is logged
  Pulse* pulse = nullptr;                        ///< of all threads; null: nobody looks
};

/// Answers the requests of one thread: reads them, says whose they are and what they want, and
/// hands model calls to the attempt loop.
class Front final : public net::RequestHandler {
 public:
  Front(engine::Engine& engine, const Shared& shared, Surface surface,
        const ledger::LaneJournal& journal);

  /// Goes by the configuration in force, which each request asks for by itself. Lets the one before
  /// go where no request comes.
  void catch_up();
  /// Of the configuration in force.
  [[nodiscard]] const Snapshot& snapshot() const { return *snapshot_.get(); }
  /// Whose word on a client's address counts.
  [[nodiscard]] const std::vector<IpRange>& proxies() const { return proxies_; }
  void set_draining() { is_draining_ = true; }
  /// Ends the model calls under way; their clients get an error.
  void end_calls() { model_calls_.end_all(); }
  /// The same of calls whose key or target is not there any more (H-4).
  void end_revoked();
  [[nodiscard]] std::size_t in_flight() const noexcept { return in_flight_; }

  net::Task<void> handle(net::ServerExchange& exchange) override;
  void describe(const Error& error, std::string& fields, std::string& body) override;

 private:
  [[nodiscard]] Result<> may_enter(const net::http::RequestHead& head,
                                   const RouteSpec* route) const;
  [[nodiscard]] Result<> authorize(ClientRequest& request) const;
  [[nodiscard]] Result<> authorize_client(ClientRequest& request,
                                          std::string_view credential) const;
  /// Notes who asks the administration, and from where.
  static void ask_as(identity::Actor actor, ClientRequest& request);
  [[nodiscard]] Result<> authorize_administrator(ClientRequest& request,
                                                 std::string_view credential) const;
  /// Of the configuration's keys, or where no key is asked for; null: none of them.
  [[nodiscard]] std::shared_ptr<const pipeline::Caller> find_caller(
      std::string_view credential) const;
  [[nodiscard]] bool is_in_force(const pipeline::Caller* caller) const;
  /// The target that `call` has asked last is still one of its route's.
  [[nodiscard]] bool has_target(const pipeline::Call& call) const;
  /// Whoever reaches the listener may call.
  [[nodiscard]] bool is_keyless() const;
  /// Why no model call could be served now; empty: they can (D-3).
  [[nodiscard]] std::string_view unreadiness() const;
  Result<> admit(ClientRequest& request);
  net::Task<void> dispatch(ClientRequest& request);
  /// What is no call that a reader reads.
  net::Task<void> answer_other(ClientRequest& request);
  net::Task<void> ask_admin(ClientRequest& request);

  net::Loop& loop_;
  const pipeline::WallClock& wall_;
  ModelCalls model_calls_;
  ResponsesDoor responses_;
  ServiceCalls service_calls_;
  OllamaCalls ollama_calls_;
  const Shared& shared_;
  Surface surface_;
  Random& random_;
  const ledger::LaneJournal& journal_;  ///< of the thread
  std::int64_t started_at_;             ///< Unix seconds; models have no better birthday
  engine::SnapshotFollower snapshot_;
  std::vector<IpRange> proxies_;  ///< of the snapshot's configuration
  /// Of the keys in the configuration, in their order; where there are none, of everyone.
  std::vector<std::shared_ptr<const pipeline::Caller>> callers_;
  std::size_t in_flight_ = 0;
  bool is_draining_ = false;
};

}  // namespace weir::server
