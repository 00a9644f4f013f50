// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

namespace weir {

/// An empty text with room from an earlier one of this thread, where there is one.
std::string take_spare_text() noexcept;
/// Keeps the room of `text` for the next; not that of very short and long ones, or of many.
void keep_spare_text(std::string text) noexcept;

/// A text that is filled and let go within a request: a body. Bodies are mostly beyond what the
/// general allocator keeps at hand, so it takes longer for one than a thread that keeps a few.
class SpareText {
 public:
  SpareText() noexcept : text_(take_spare_text()) {}
  ~SpareText() { keep_spare_text(std::move(text_)); }
  SpareText(const SpareText&) = delete;
  SpareText& operator=(const SpareText&) = delete;

  [[nodiscard]] std::string& operator*() noexcept { return text_; }

 private:
  std::string text_;
};

}  // namespace weir
