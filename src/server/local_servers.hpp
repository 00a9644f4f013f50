// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "config/detected.hpp"
#include "config/loader.hpp"

namespace weir::server {

/// A local server that is there, with what it offers.
struct FoundServer {
  config::LocalServer server;
  std::shared_ptr<const config::DetectedList> models;
};

/// Asks each candidate for its list of models, all at once, and gives those that answered within
/// `time_max`. Being asked costs a server nothing, and something else that happens to listen on the
/// port is not taken for one.
std::vector<FoundServer> find_local_servers(const std::vector<config::LocalServer>& candidates,
                                            std::chrono::milliseconds time_max);

}  // namespace weir::server
