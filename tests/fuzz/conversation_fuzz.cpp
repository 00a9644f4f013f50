// SPDX-License-Identifier: Apache-2.0
//
// Kept conversations against arbitrary bytes: whatever was kept, what is made of it is JSON.
//
// Input: the request, the kept input and the kept answer, each ended by a zero byte.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.hpp"
#include "json/document.hpp"
#include "wire/responses/conversation.hpp"

namespace weir {
namespace {

void expect_json(std::string_view text) {
  // In lists, items stand deeper than where they were kept.
  json::ParseLimits limits;
  limits.depth_max += 2;
  json::Document document;
  WEIR_ASSERT(document.parse(text, limits).has_value());
}

std::string_view take_part(std::string_view& rest) {
  const std::string_view part = rest.substr(0, rest.find('\0'));
  rest.remove_prefix(part.size() == rest.size() ? part.size() : part.size() + 1);
  return part;
}

void fuzz_conversation(std::string_view input) {
  using namespace wire::responses;
  const std::string_view request = take_part(input);
  const std::array turns{Turn{take_part(input), take_part(input)}};
  std::string list;
  append_input_items(turns[0].input, "resp_1", {}, list);
  expect_json(list);
  json::Document document;
  if (!document.parse(request)) return;
  static_cast<void>(read_state_wishes(document.root()));
  expect_json(added_items(document.root()));
  std::vector<KeptItem> items;
  for (const std::string& id : referenced_items(document.root())) {
    static_cast<void>(answer_of_item(id));
    std::string item = find_output_item(turns[0].response, id);
    if (!item.empty()) items.push_back({id, std::move(item)});
  }
  expect_json(with_items(document.root(), items));
  if (document.root().is_object()) expect_json(with_turns(document.root(), turns));
}

}  // namespace
}  // namespace weir

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  weir::fuzz_conversation({reinterpret_cast<const char*>(data), size});
  return 0;
}
