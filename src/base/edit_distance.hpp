// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

/// How many letters must be put in, taken out, changed or swapped with their neighbour to turn `a`
/// into `b`, without regard to ASCII case. Names longer than 128 bytes are compared by their
/// first 128.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// Collects the names nearest to `wanted` from any number of candidates: "did you mean". Names
/// that need more changes than a third of their length are no help and left out.
class NearestNames {
 public:
  NearestNames(std::string_view wanted, std::size_t count_max)
      : wanted_(wanted), count_max_(count_max) {}

  void offer(std::string_view candidate);
  /// Best first; names of equal distance in alphabetical order.
  [[nodiscard]] std::vector<std::string> take() &&;

 private:
  struct Found {
    std::size_t distance;
    std::string name;
    auto operator<=>(const Found&) const = default;
  };
  std::string_view wanted_;
  std::size_t count_max_;
  std::vector<Found> found_;
};

}  // namespace weir
