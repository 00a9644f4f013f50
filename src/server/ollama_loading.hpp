// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "pipeline/route.hpp"
#include "server/client_request.hpp"

namespace weir::server {

/// The answer to a request without words, by which Ollama's clients have a model loaded or, with
/// `keep_alive: 0`, unloaded: where no target of `route` is an Ollama server there is nothing to
/// load, and the model is ready. Nothing for every other request. Precondition: the body was read.
std::optional<std::string> loading_answer(const ClientRequest& request,
                                          const pipeline::Route& route, std::int64_t unix_seconds);

}  // namespace weir::server
