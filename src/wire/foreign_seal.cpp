// SPDX-License-Identifier: Apache-2.0
#include "wire/foreign_seal.hpp"

#include <algorithm>
#include <array>

#include "base/assert.hpp"
#include "base/base64.hpp"

namespace weir::wire {
namespace {

constexpr std::string_view mark = "weir:";
/// What base64 makes of the mark, whatever follows.
constexpr std::string_view mark_in_base64 = "d2Vpcj";
constexpr std::string_view kind_letters = "sec";

}  // namespace

std::string wrap_seal(const ForeignSeal& seal) {
  WEIR_ASSERT(seal.sealed_by != Vendor::unknown);
  std::string text(mark);
  text.append(seal_format(seal.sealed_by)).push_back(':');
  text.push_back(kind_letters[static_cast<std::size_t>(seal.kind)]);
  text.append(":").append(seal.seal);
  return base64_encode(text);
}

std::optional<ForeignSeal> unwrap_seal(std::string_view text) {
  if (!text.starts_with(mark_in_base64)) return std::nullopt;
  std::string standard(text);
  std::replace(standard.begin(), standard.end(), '-', '+');
  std::replace(standard.begin(), standard.end(), '_', '/');
  const auto decoded = base64_decode(standard);
  if (!decoded || !decoded->starts_with(mark)) return std::nullopt;
  const std::string_view rest = std::string_view(*decoded).substr(mark.size());
  const std::size_t format_end = rest.find(':');
  if (format_end == std::string_view::npos || rest.size() < format_end + 3) return std::nullopt;
  const std::size_t kind = kind_letters.find(rest[format_end + 1]);
  if (kind == std::string_view::npos || rest[format_end + 2] != ':') return std::nullopt;
  ForeignSeal seal;
  seal.sealed_by = vendor_of_seal_format(rest.substr(0, format_end));
  if (seal.sealed_by == Vendor::unknown) return std::nullopt;
  seal.kind = static_cast<ForeignSeal::Kind>(kind);
  seal.seal = rest.substr(format_end + 3);
  return seal;
}

}  // namespace weir::wire
