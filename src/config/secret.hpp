// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>
#include <utility>

#include "base/wipe.hpp"

namespace weir::config {

/// A key or password. It can't be printed, formatted or compared by accident; whoever needs the
/// text says `reveal()`, which is easy to search for. Its memory is cleared when it goes (Y-9).
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}
  ~Secret() { wipe(text_); }
  Secret(const Secret&) = default;
  Secret(Secret&&) noexcept = default;
  Secret& operator=(const Secret&) = default;
  Secret& operator=(Secret&&) noexcept = default;

  [[nodiscard]] std::string_view reveal() const noexcept { return text_; }
  [[nodiscard]] bool empty() const noexcept { return text_.empty(); }
  /// Enough to recognize it: `sk-pr…9f3a`. A secret of less than 16 bytes shows nothing of itself.
  [[nodiscard]] std::string to_display() const;

  friend std::ostream& operator<<(std::ostream&, const Secret&) = delete;
  bool operator==(const Secret&) const = default;

 private:
  std::string text_;
};

}  // namespace weir::config
