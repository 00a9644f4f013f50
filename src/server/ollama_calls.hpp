// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "net/task.hpp"
#include "server/client_request.hpp"
#include "server/model_calls.hpp"

namespace weir::server {

/// What Ollama's clients ask of the server itself, brought to the Ollama servers behind this
/// gateway. A model is called `provider/model` here; a name without provider means the first of
/// those servers.
class OllamaCalls {
 public:
  /// Is told the provider whose models may be others now; calls back, on any thread, when they are
  /// known.
  using OnModelsChanged = std::function<void(std::string provider, std::function<void()> on_known)>;
  OllamaCalls(net::Loop& loop, ModelCalls& calls, OnModelsChanged on_models_changed)
      : loop_(loop), calls_(calls), on_models_changed_(std::move(on_models_changed)) {}

  [[nodiscard]] static bool has(Endpoint endpoint) noexcept;
  /// Precondition: has(the route's endpoint).
  net::Task<void> answer(ClientRequest& request);

 private:
  class ChangingChannel;
  net::Task<void> forward(ClientRequest& request, std::string path);
  net::Task<void> list_running(ClientRequest& request);

  net::Loop& loop_;
  ModelCalls& calls_;
  OnModelsChanged on_models_changed_;
};

}  // namespace weir::server
