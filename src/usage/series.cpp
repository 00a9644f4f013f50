// SPDX-License-Identifier: Apache-2.0
#include "usage/series.hpp"

#include <cstdint>

namespace weir::usage {

std::string encode_labels(const Labels& labels) {
  std::string out;
  for (const std::string& text : labels) {
    health::append_varint(out, text.size());
    out.append(text);
  }
  return out;
}

std::optional<Labels> decode_labels(std::string_view bytes) {
  Labels labels;
  for (std::string& text : labels) {
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
