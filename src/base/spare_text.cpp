// SPDX-License-Identifier: Apache-2.0
#include "base/spare_text.hpp"

#include <array>
#include <cstddef>

#include "base/sanitizer.hpp"

namespace weir {
namespace {

constexpr std::size_t spare_bytes_min = 256;
constexpr std::size_t spare_bytes_max = std::size_t{16} << 10;

struct Spares {
  std::array<std::string, 8> texts;
  std::size_t count = 0;
};
thread_local Spares spares;

}  // namespace

std::string take_spare_text() noexcept {
  if (spares.count == 0) return {};
  return std::move(spares.texts[--spares.count]);
}

void keep_spare_text(std::string text) noexcept {
  if constexpr (is_address_sanitized) return;
  const bool is_worth_it = text.capacity() >= spare_bytes_min && text.capacity() <= spare_bytes_max;
  if (!is_worth_it || spares.count == spares.texts.size()) return;
  text.clear();
  spares.texts[spares.count++] = std::move(text);
}

}  // namespace weir
