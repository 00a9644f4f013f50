// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "shared_state/gate.hpp"

namespace weir::shared_state {

/// What every provider of these tests sends along.
inline const std::string usual_fields = "authorization: Bearer one\r\n";

/// The target `provider/model`, attached to `gate` together with an upstream of its own, as each
/// snapshot makes them anew.
inline std::shared_ptr<pipeline::Target> make_target(Gate& gate, const std::string& provider,
                                                     const std::string& model,
                                                     const std::string& fields = usual_fields) {
  auto upstream = std::make_shared<pipeline::Upstream>();
  upstream->name = provider;
  upstream->fields = fields;
  gate.attach(*upstream);
  auto target = std::make_shared<pipeline::Target>();
  target->name = provider + "/" + model;
  target->model = model;
  target->upstream = std::move(upstream);
  gate.attach(*target);
  return target;
}

/// The verdict that the table has for `failure`, with the wait that the provider named.
inline policy::Classified ended(policy::FailureClass failure,
                                std::optional<std::chrono::milliseconds> wait = {}) {
  policy::Classified verdict;
  verdict.failure = failure;
  verdict.cooldown = policy::traits(failure).cooldown;
  verdict.wait = wait;
  return verdict;
}

}  // namespace weir::shared_state
