// SPDX-License-Identifier: Apache-2.0
#include "server/callers.hpp"

#include <algorithm>
#include <utility>

#include "base/sha256.hpp"

namespace weir::server {
namespace {

pipeline::Priority priority_of(config::Priority said) {
  // Both enumerations list the same words in the same order.
  static_assert(static_cast<int>(config::Priority::critical) ==
                static_cast<int>(pipeline::Priority::critical));
  return static_cast<pipeline::Priority>(said);
}

std::string organisation_of(const config::Config& config, const std::string& team) {
  for (const config::ClientConfig& known : config.teams) {
    if (known.name == team) return known.organisation;
  }
  return {};
}

/// Unless `name` is one of `groups` that says otherwise.
bool exposes_target(const std::vector<config::ClientConfig>& groups, const std::string& name) {
  return std::none_of(groups.begin(), groups.end(), [&](const config::ClientConfig& group) {
    return group.name == name && !group.expose_target;
  });
}

}  // namespace

std::string public_id(std::string_view credential) {
  const Sha256Digest digest = Sha256().add(credential).finish();
  constexpr std::string_view hex = "0123456789abcdef";
  std::string name = "key:";
  for (const unsigned char byte : digest) {
    name.push_back(hex[byte >> 4]);
    name.push_back(hex[byte & 15]);
  }
  return name;
}

std::vector<std::shared_ptr<const pipeline::Caller>> callers_of(const config::Config& config) {
  std::vector<std::shared_ptr<const pipeline::Caller>> callers;
  for (const config::Secret& key : config.keys) {
    pipeline::Caller caller;
    caller.key = public_id(key.reveal());
    if (const config::ClientConfig* settings = config.settings_of(key)) {
      caller.user = settings->user;
      caller.team = settings->team;
      caller.organisation = organisation_of(config, settings->team);
      caller.priority = priority_of(settings->priority);
      caller.shows_target = settings->expose_target &&
                            exposes_target(config.users, settings->user) &&
                            exposes_target(config.teams, settings->team);
    }
    callers.push_back(std::make_shared<const pipeline::Caller>(std::move(caller)));
  }
  if (callers.empty()) callers.push_back(std::make_shared<const pipeline::Caller>());
  return callers;
}

}  // namespace weir::server
