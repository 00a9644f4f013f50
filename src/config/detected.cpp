// SPDX-License-Identifier: Apache-2.0
#include "config/detected.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace weir::config {

DetectedList::DetectedList(std::vector<DetectedModel> models) {
  std::set<std::string, std::less<>> seen;
  for (DetectedModel& model : models) {
    if (seen.insert(model.id).second) models_.push_back(std::move(model));
  }
  for (std::uint32_t i = 0; i < models_.size(); ++i) by_id_.push_back(i);
  std::sort(by_id_.begin(), by_id_.end(),
            [this](std::uint32_t a, std::uint32_t b) { return models_[a].id < models_[b].id; });
}

std::shared_ptr<const DetectedList> DetectedList::of(const std::vector<std::string>& ids) {
  std::vector<DetectedModel> models;
  for (const std::string& id : ids) models.push_back({.id = id});
  return std::make_shared<const DetectedList>(std::move(models));
}

const DetectedModel* DetectedList::find_exactly(std::string_view id) const {
  const auto place = std::lower_bound(
      by_id_.begin(), by_id_.end(), id,
      [this](std::uint32_t i, std::string_view wanted) { return models_[i].id < wanted; });
  return place != by_id_.end() && models_[*place].id == id ? &models_[*place] : nullptr;
}

const DetectedModel* DetectedList::find(std::string_view id) const {
  if (const DetectedModel* found = find_exactly(id)) return found;
  return find_exactly(std::string(id) + ":latest");
}

}  // namespace weir::config
