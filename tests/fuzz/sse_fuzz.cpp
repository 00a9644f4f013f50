// SPDX-License-Identifier: Apache-2.0
//
// A stream gives the same events and lines however the network cuts it. Input: one byte for the
// first piece's size, one for the size of all others, then the stream.

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "pieces.hpp"
#include "wire/sse.hpp"

namespace weir {
namespace {

using Events = std::vector<std::pair<std::string, std::string>>;

void drain(wire::SseParser& parser, Events& events) {
  wire::SseParser::Event event;
  while (parser.next(event)) events.emplace_back(event.type, event.data);
}

void drain(wire::LineParser& parser, Events& events) {
  std::string_view line;
  while (parser.next(line)) events.emplace_back("", line);
}

template <class Parser>
Events parse(std::string_view stream, std::size_t first, std::size_t stride) {
  Parser parser;
  Events events;
  fuzz::for_each_piece(stream, first, stride, [&](std::string_view piece) {
    parser.feed(piece);
    drain(parser, events);
  });
  parser.finish();
  drain(parser, events);
  return events;
}

template <class Parser>
void expect_same_however_cut(fuzz::Input input) {
  const std::size_t first = input.byte();
  const std::size_t stride = input.byte() + std::size_t{1};
  const std::string_view stream = input.rest();
  const Events whole = parse<Parser>(stream, stream.size(), 1);
  WEIR_ASSERT(parse<Parser>(stream, first, stride) == whole);
}

}  // namespace
}  // namespace weir

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  weir::expect_same_however_cut<weir::wire::SseParser>({data, size});
  weir::expect_same_however_cut<weir::wire::LineParser>({data, size});
  return 0;
}
