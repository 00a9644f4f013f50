// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "providers/capability_table.hpp"

/// What providers said about themselves when they were asked.
namespace weir::config {

struct DetectedModel {
  std::string id;
  providers::StatedCapabilities capabilities{};
  std::int64_t context_tokens = 0;     ///< 0 = not said
  std::int64_t output_tokens_max = 0;  ///< 0 = not said
  std::string revision{};  ///< changes with the model's files; empty: the server tells none
  bool operator==(const DetectedModel&) const = default;
};

/// One provider's list, in the provider's own order.
class DetectedList {
 public:
  DetectedList() = default;
  /// Of entries with the same id the first counts.
  explicit DetectedList(std::vector<DetectedModel> models);
  /// A list of ids that says nothing else.
  static std::shared_ptr<const DetectedList> of(const std::vector<std::string>& ids);

  [[nodiscard]] const std::vector<DetectedModel>& models() const noexcept { return models_; }
  /// Null when it is not listed. Ollama lists a model without a tag as `:latest`.
  [[nodiscard]] const DetectedModel* find(std::string_view id) const;
  bool operator==(const DetectedList& other) const { return models_ == other.models_; }

 private:
  [[nodiscard]] const DetectedModel* find_exactly(std::string_view id) const;

  std::vector<DetectedModel> models_;
  std::vector<std::uint32_t> by_id_;  ///< places in `models_`
};

/// How asking a provider for its models went.
struct Look {
  std::int64_t count = 0;             ///< times asked since the start
  std::int64_t asked_unix_ms = 0;     ///< the latest time; 0 = not yet
  std::int64_t answered_unix_ms = 0;  ///< the latest list; 0 = none yet
  std::string error{};                ///< of the latest time; empty: it went well
};
/// By provider name; providers that are not asked are not in it.
using Looks = std::map<std::string, Look, std::less<>>;

/// By provider name; one that is not in it was not asked, or never answered.
using DetectedModels = std::map<std::string, std::shared_ptr<const DetectedList>, std::less<>>;

}  // namespace weir::config
