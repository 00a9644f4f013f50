// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "net/task.hpp"
#include "server/client_request.hpp"

/// The models a client may name, in the dialect of the door it asks at.
namespace weir::server {

/// `created`: Unix seconds; models have no better birthday.
net::Task<void> list_models(ClientRequest& request, std::int64_t created);
/// The model that the path names.
net::Task<void> get_model(ClientRequest& request, std::int64_t created);

// Ollama's own pages.
net::Task<void> list_ollama_models(ClientRequest& request, std::int64_t created);
/// The model that the body names.
net::Task<void> show_ollama_model(ClientRequest& request, std::int64_t created);
net::Task<void> show_ollama_version(ClientRequest& request);

}  // namespace weir::server
