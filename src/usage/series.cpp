// SPDX-License-Identifier: Apache-2.0
#include "usage/series.hpp"

#include <cstdint>

namespace weir::usage {
namespace {

/// Those that labels always had.
constexpr std::size_t first_dimension_count = 9;

}  // namespace

std::string encode_labels(const Labels& labels) {
  // What earlier versions did not have is left out where it is empty, so that theirs are found.
  std::size_t count = labels.size();
  while (count > first_dimension_count && labels[count - 1].empty()) --count;
  std::string out;
  for (std::size_t i = 0; i < count; ++i) {
    health::append_varint(out, labels[i].size());
    out.append(labels[i]);
  }
  return out;
}

std::optional<Labels> decode_labels(std::string_view bytes) {
  Labels labels;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (i >= first_dimension_count && bytes.empty()) break;
    std::string& text = labels[i];
    std::uint64_t size = 0;
    if (!health::take_varint(bytes, size) || size > bytes.size()) return std::nullopt;
    text = bytes.substr(0, size);
    bytes.remove_prefix(size);
  }
  return labels;
}

Error damaged_sums() {
  return {ErrorCode::store_unavailable, "the sums of the ledger are damaged"};
}

}  // namespace weir::usage
