// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

/// A text that many hold at a time and nobody changes. Never null where it stands in a list.
using SharedText = std::shared_ptr<const std::string>;

/// Views a list of texts, whoever owns them; valid for as long as the list is.
class TextsView {
 public:
  TextsView() = default;
  // Views are made of what they view, as string_view is.
  TextsView(const std::vector<std::string>& texts)  // NOLINT(google-explicit-constructor)
      : own_(texts.data()), size_(texts.size()) {}
  TextsView(const std::vector<SharedText>& texts)  // NOLINT(google-explicit-constructor)
      : shared_(texts.data()), size_(texts.size()) {}

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::string_view operator[](std::size_t index) const {
    return shared_ == nullptr ? own_[index] : *shared_[index];
  }

 private:
  const std::string* own_ = nullptr;
  const SharedText* shared_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace weir
