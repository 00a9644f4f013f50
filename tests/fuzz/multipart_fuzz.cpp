// SPDX-License-Identifier: Apache-2.0
//
// Forms with files against arbitrary bytes: how the network cuts a form must not change its parts,
// and what is found must lie inside the body.
//
// Input: one byte each for what is read, the first piece's size and the others'; then the bytes.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/assert.hpp"
#include "pieces.hpp"
#include "wire/multipart.hpp"

namespace weir {
namespace {

struct Scanned {
  bool is_refused = false;
  std::vector<wire::FormPart> parts;
};

Scanned scan(std::string_view bytes, std::size_t first, std::size_t stride) {
  wire::MultipartScanner scanner("b", {.parts_max = 8, .header_bytes_max = 256});
  Scanned out;
  fuzz::for_each_piece(bytes, first, stride, [&](std::string_view piece) {
    if (!out.is_refused) out.is_refused = !scanner.feed(piece).has_value();
  });
  if (!out.is_refused) out.is_refused = !scanner.finish().has_value();
  out.parts = scanner.parts();
  return out;
}

void fuzz_form(std::string_view bytes, std::size_t first, std::size_t stride) {
  const Scanned whole = scan(bytes, bytes.size(), 1);
  const Scanned pieces = scan(bytes, first, stride);
  WEIR_ASSERT(pieces.is_refused == whole.is_refused);
  if (whole.is_refused) return;
  WEIR_ASSERT(pieces.parts.size() == whole.parts.size());
  for (std::size_t i = 0; i < whole.parts.size(); ++i) {
    const wire::FormPart& part = whole.parts[i];
    WEIR_ASSERT(part.offset + part.size <= bytes.size());
    WEIR_ASSERT(pieces.parts[i].name == part.name);
    WEIR_ASSERT(pieces.parts[i].offset == part.offset);
    WEIR_ASSERT(pieces.parts[i].size == part.size);
    WEIR_ASSERT(pieces.parts[i].value == part.value);
    if (!part.is_whole()) continue;
    WEIR_ASSERT(part.is_file || bytes.substr(part.offset, part.size) == part.value);
  }
}

void fuzz_content_type(std::string_view text) {
  const auto boundary = wire::read_form_boundary(text);
  if (!boundary || !*boundary) return;
  const auto again = wire::read_form_boundary(wire::form_content_type(**boundary));
  WEIR_ASSERT(again && *again == *boundary);
}

void fuzz_multipart(fuzz::Input input) {
  const bool is_content_type = input.byte() % 4 == 0;
  const std::size_t first = input.byte();
  const std::size_t stride = input.byte() + std::size_t{1};
  if (is_content_type) return fuzz_content_type(input.rest());
  fuzz_form(input.rest(), first, stride);
}

}  // namespace
}  // namespace weir

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  weir::fuzz_multipart({data, size});
  return 0;
}
