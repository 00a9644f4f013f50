// SPDX-License-Identifier: Apache-2.0
//
// Content rules against arbitrary bytes: a text passes the same however it is cut, nothing of a
// masked word is left, and what was JSON stays JSON.
//
// Input: one byte each for the size of the first piece and of the others; then the text.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/assert.hpp"
#include "guard/json_screen.hpp"
#include "guard/text_filter.hpp"
#include "json/document.hpp"
#include "pieces.hpp"

namespace weir {
namespace {

const guard::Rules& rules() {
  static const std::shared_ptr<const guard::Rules> made = [] {
    guard::RuleSpec words;
    words.name = "words";
    words.action = guard::Action::mask;
    words.with = "\"x\"";
    words.words = {"secret", "a b", "\u00fc"};
    guard::RuleSpec numbers = words;
    numbers.words.clear();
    numbers.pattern = "N-[0-9]{3}";
    return *guard::Rules::compile({words, numbers});
  }();
  return *made;
}

std::string passed(std::string_view text, std::size_t first, std::size_t stride) {
  guard::TextFilter filter(rules(), guard::Side::output);
  std::string out;
  fuzz::for_each_piece(text, first, stride,
                       [&](std::string_view piece) { WEIR_ASSERT(filter.feed(piece, out)); });
  WEIR_ASSERT(filter.finish(out));
  return out;
}

void fuzz_guard(fuzz::Input input) {
  const std::size_t first = input.byte();
  const std::size_t stride = input.byte() + std::size_t{1};
  const std::string_view text = input.rest();
  WEIR_ASSERT(passed(text, first, stride) == passed(text, text.size(), 1));
  json::Document document;
  if (!document.parse(text)) return;
  const guard::Screened screened = guard::screen_request(document.root(), rules());
  json::Document again;
  if (screened.text) WEIR_ASSERT(again.parse(*screened.text).has_value());
}

}  // namespace
}  // namespace weir

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  weir::fuzz_guard({data, size});
  return 0;
}
