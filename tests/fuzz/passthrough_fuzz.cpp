// SPDX-License-Identifier: Apache-2.0
//
// Same-dialect traffic against arbitrary bytes: a request that is taken stays JSON when patched,
// and watching answers and frames never fails on what stands in them.
//
// Input: one byte for the dialect, then the text.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/assert.hpp"
#include "json/document.hpp"
#include "wire/anthropic/passthrough.hpp"
#include "wire/gemini/passthrough.hpp"
#include "wire/ollama/passthrough.hpp"
#include "wire/openai/passthrough.hpp"
#include "wire/responses/passthrough.hpp"
#include "wire/sse.hpp"

namespace weir {
namespace {

struct Functions {
  Result<wire::RequestPeek> (*peek_request)(json::Value);
  void (*patch_request)(json::Value, const wire::RequestPatch&, std::string&);
  wire::ResponseWatch (*watch_response)(json::Value, wire::Quirks);
  std::unique_ptr<wire::StreamWatcher> (*make_stream_watcher)(wire::Quirks, std::int64_t);
};

#define WEIR_PASSTHROUGH(dialect)                                                                \
  Functions {                                                                                    \
    &wire::dialect::peek_request, &wire::dialect::patch_request, &wire::dialect::watch_response, \
        &wire::dialect::make_stream_watcher                                                      \
  }
const std::array dialects{WEIR_PASSTHROUGH(openai), WEIR_PASSTHROUGH(anthropic),
                          WEIR_PASSTHROUGH(gemini), WEIR_PASSTHROUGH(ollama),
                          WEIR_PASSTHROUGH(responses)};

void fuzz_document(const Functions& functions, std::string_view text) {
  json::Document document;
  if (!document.parse(text)) return;
  static_cast<void>(functions.watch_response(document.root(), 0));
  if (!functions.peek_request(document.root())) return;
  std::string patched;
  functions.patch_request(document.root(), {.model = "m", .adds_stream_usage = true}, patched);
  json::Document again;
  WEIR_ASSERT(again.parse(patched).has_value());
}

void fuzz_frames(const Functions& functions, std::string_view text) {
  const auto watcher = functions.make_stream_watcher(0, 1);
  wire::SseParser parser;
  parser.feed(text);
  parser.finish();
  wire::SseParser::Event event;
  while (parser.next(event)) {
    const wire::FrameWatch watch = watcher->watch(event.type, event.data);
    WEIR_ASSERT(!watch.usage || watch.usage->input_total() >= 0);
  }
}

}  // namespace
}  // namespace weir

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto& functions = weir::dialects[data[0] % weir::dialects.size()];
  std::string text(size - 1, '\0');
  for (std::size_t i = 1; i < size; ++i) text[i - 1] = static_cast<char>(data[i]);
  weir::fuzz_document(functions, text);
  weir::fuzz_frames(functions, text);
  return 0;
}
