// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <unordered_map>

#include "pipeline/call.hpp"
#include "pipeline/target_gate.hpp"

namespace weir::sim {

/// Looks at the order of a call's attempts: a target is tried again only while that uses up no
/// attempt which another one that could be asked would need, and a whole answer that was too
/// slow twice is not asked for a third time (T-14).
///
/// Attempts of a race, and those that go on with a broken stream, follow rules of their own.
class RetryWatch {
 public:
  using Fail = std::function<void(std::string_view request_id, const std::string& rule)>;
  RetryWatch(pipeline::TargetGate& gate, Fail fail) : gate_(gate), fail_(std::move(fail)) {}

  void on_start(const pipeline::Call& call, const pipeline::Target& target);
  void on_end(const pipeline::Call& call, const pipeline::AttemptRow& row);
  void forget(const std::string& request_id) { pasts_.erase(request_id); }

 private:
  struct Past {
    std::set<const pipeline::Target*> tried;
    int counted = 0;
    int timeouts = 0;
    bool is_plain = true;  ///< one attempt after the other, none with content
    /// Set when the latest attempt was not to be followed by another one there.
    const pipeline::Target* to_be_left = nullptr;
  };
  [[nodiscard]] std::size_t others_to_ask(const pipeline::Call& call, const Past& past);

  pipeline::TargetGate& gate_;
  Fail fail_;
  std::unordered_map<std::string, Past> pasts_;  ///< by id
};

}  // namespace weir::sim
