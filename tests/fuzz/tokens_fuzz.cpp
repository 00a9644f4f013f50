// SPDX-License-Identifier: Apache-2.0
//
// A text is the same number of tokens however a stream cuts it; no piece is empty and none is lost;
// estimates are there for anything. Input: one byte for the encoding, one for the first piece's
// size, one for that of all others, then the text.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.hpp"
#include "pieces.hpp"
#include "tokens/counter.hpp"
#include "tokens/splitter.hpp"

namespace weir {
namespace {

void expect_pieces_make_the_text(tokens::SplitRule rule, std::string_view text) {
  tokens::Splitter splitter(rule, text);
  std::size_t at = 0;
  for (std::string_view piece; splitter.next(piece);) {
    WEIR_ASSERT(!piece.empty());
    WEIR_ASSERT(piece.data() == text.data() + at);
    at += piece.size();
  }
  WEIR_ASSERT(at == text.size());
}

void expect_same_however_cut(const tokens::Counter& counter, fuzz::Input input) {
  const std::size_t first = input.byte();
  const std::size_t stride = input.byte() + std::size_t{1};
  const std::string_view text = input.rest();
  tokens::StreamCounter stream(counter);
  fuzz::for_each_piece(text, first, stride, [&](std::string_view piece) { stream.feed(piece); });
  const std::int64_t tokens = counter.count(text);
  WEIR_ASSERT(stream.total() == tokens);
  WEIR_ASSERT((tokens == 0) == text.empty());
  WEIR_ASSERT((counter.estimate(text) == 0) == text.empty());
}

}  // namespace
}  // namespace weir

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  weir::fuzz::Input input(data, size);
  const bool is_o200k = input.byte() % 2 == 0;
  const auto rule = is_o200k ? weir::tokens::SplitRule::o200k : weir::tokens::SplitRule::cl100k;
  weir::expect_pieces_make_the_text(rule, input.rest());
  weir::expect_same_however_cut(weir::tokens::counter_for("", is_o200k ? "gpt-4o" : "gpt-4"),
                                input);
  return 0;
}
