// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

#include "engine/snapshot.hpp"
#include "usage/rollup.hpp"

namespace weir::server {

/// What calls had cost at the other targets of their routes, by the configuration of now: those
/// whose context window holds what the call took.
class PriceComparison final : public usage::Comparison {
 public:
  explicit PriceComparison(std::shared_ptr<const engine::Snapshot> snapshot)
      : snapshot_(std::move(snapshot)) {}

  usage::Alternatives of(const ledger::CallRecord& call) override;

 private:
  /// What calls of that model were for. Null: nothing, by now.
  const pipeline::Route* route_of(const std::string& model);

  std::shared_ptr<const engine::Snapshot> snapshot_;
  std::unordered_map<std::string, std::shared_ptr<const pipeline::Route>> routes_;  ///< by model
};

}  // namespace weir::server
