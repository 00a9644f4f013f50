// SPDX-License-Identifier: Apache-2.0
#include "server/local_servers.hpp"

#include <utility>

#include "engine/listing.hpp"
#include "engine/snapshot.hpp"
#include "shared_state/gate.hpp"

namespace weir::server {

std::vector<FoundServer> find_local_servers(const std::vector<config::LocalServer>& candidates,
                                            std::chrono::milliseconds time_max) {
  // A configuration of the candidates alone, as it would be if all of them were there.
  config::Config config;
  for (const config::LocalServer& candidate : candidates) {
    config::add_local_provider(config, candidate);
  }
  shared_state::Gate gate({});
  const auto snapshot = engine::Snapshot::make(std::move(config), {}, gate, nullptr);
  if (!snapshot) return {};
  std::vector<const config::LocalServer*> asked;
  std::vector<engine::Listing> listings;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    auto listing = engine::listing_of(**snapshot, i);
    if (!listing) continue;
    asked.push_back(&candidates[i]);
    listings.push_back(*std::move(listing));
  }
  auto answers = engine::list_models(listings, time_max, false);
  std::vector<FoundServer> found;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (!answers[i]) continue;
    auto list = std::make_shared<const config::DetectedList>(*std::move(answers[i]));
    found.push_back({*asked[i], std::move(list)});
  }
  return found;
}

}  // namespace weir::server
