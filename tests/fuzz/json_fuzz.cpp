// SPDX-License-Identifier: Apache-2.0
//
// What parses must parse again after it was made compact, and be compact by then: the compacted
// text is what goes upstream, so it has to mean what policy read.

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/assert.hpp"
#include "json/document.hpp"
#include "json/writer.hpp"

namespace weir {
namespace {

/// Visits every value the way readers do, so that each accessor meets arbitrary content.
void walk(json::Value value) {
  WEIR_ASSERT(!value.raw().empty());
  std::string scratch;
  switch (value.kind()) {
    case json::Kind::string:
      WEIR_ASSERT(value.as_string_view(scratch) == value.as_string());
      WEIR_ASSERT(value.equals(value.as_string()));
      return;
    case json::Kind::number:
      static_cast<void>(value.as_int());
      static_cast<void>(value.as_double());
      return;
    case json::Kind::array:
      for (const json::Value element : value.elements()) walk(element);
      return;
    case json::Kind::object:
      for (const json::Member member : value.members()) {
        walk(member.key);
        walk(member.value);
      }
      return;
    case json::Kind::null:
    case json::Kind::boolean:
      return;
  }
}

void fuzz_json(std::string_view text) {
  json::Document document;
  if (!document.parse(text)) return;
  walk(document.root());

  std::string compact;
  json::append_compact(compact, document.root().raw());
  json::Document again;
  WEIR_ASSERT(again.parse(compact).has_value());

  std::string compact_again;
  json::append_compact(compact_again, again.root().raw());
  WEIR_ASSERT(compact_again == compact);
}

}  // namespace
}  // namespace weir

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  weir::fuzz_json({reinterpret_cast<const char*>(data), size});
  return 0;
}
