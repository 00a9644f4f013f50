// SPDX-License-Identifier: Apache-2.0
#include "base/edit_distance.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/ascii.hpp"

namespace weir {
namespace {

constexpr std::size_t length_max = 128;
using Row = std::array<std::size_t, length_max + 1>;

bool same(char a, char b) { return ascii::to_lower(a) == ascii::to_lower(b); }

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
  a = a.substr(0, length_max);
  b = b.substr(0, length_max);
  Row before_last{};
  Row last{};
  Row current{};
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    current[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = last[j - 1] + (same(a[i - 1], b[j - 1]) ? 0 : 1);
      current[j] = std::min({last[j] + 1, current[j - 1] + 1, change});
      const bool swapped = i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]);
      if (swapped) current[j] = std::min(current[j], before_last[j - 2] + 1);
    }
    before_last = last;
    last = current;
  }
  return last[b.size()];
}

void NearestNames::offer(std::string_view candidate) {
  const std::size_t distance = edit_distance(wanted_, candidate);
  const std::size_t longer = std::min(std::max(wanted_.size(), candidate.size()), length_max);
  if (distance > std::max<std::size_t>(1, longer / 3)) return;
  Found found{distance, std::string(candidate)};
  const auto place = std::lower_bound(found_.begin(), found_.end(), found);
  if (place != found_.end() && *place == found) return;
  found_.insert(place, std::move(found));
  if (found_.size() > count_max_) found_.pop_back();
}

std::vector<std::string> NearestNames::take() && {
  std::vector<std::string> names;
  names.reserve(found_.size());
  for (Found& found : found_) names.push_back(std::move(found.name));
  return names;
}

}  // namespace weir
