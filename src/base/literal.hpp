// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstddef>
#include <string_view>
#include <type_traits>

namespace weir {

namespace detail {
/// Stands nowhere: to call it is what the compiler refuses.
void the_literal_has_a_forbidden_character();
}  // namespace detail

/// Text as it stands in the source, not empty and of characters that `is_allowed`: the compiler has
/// looked, so nobody has to look again.
template <bool (*is_allowed)(char)>
class Literal {
 public:
  static constexpr std::size_t size_max = 60;

  template <std::size_t Size>
  consteval Literal(const char (&text)[Size]) : text_(text, Size - 1) {
    static_assert(Size > 1 && Size <= size_max + 1);
    for (const char c : text_) {
      if (!is_allowed(c)) detail::the_literal_has_a_forbidden_character();
    }
  }
  [[nodiscard]] std::string_view text() const noexcept { return text_; }

 private:
  std::string_view text_;
};

/// Text that isn't known before the program runs, or no literal.
template <class Text>
concept AnyText = std::convertible_to<const Text&, std::string_view> && !std::is_array_v<Text>;

}  // namespace weir
