// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "config/loader.hpp"

namespace weir::server {

/// A local server that is there, with what it offers.
struct FoundServer {
  config::LocalServer server;
  std::vector<std::string> models;
};

/// Asks each candidate for its list of models, all at once, and gives those that answered within
/// `time_max`. Being asked costs a server nothing, and something else that happens to listen on the
/// port is not taken for one.
std::vector<FoundServer> find_local_servers(const std::vector<config::LocalServer>& candidates,
                                            std::chrono::milliseconds time_max);

/// The ids in an answer to a provider's listing of models, whatever its dialect. Errors:
/// `upstream_malformed`.
Result<std::vector<std::string>> listed_models(std::string_view body);

}  // namespace weir::server
