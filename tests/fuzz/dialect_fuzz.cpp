// SPDX-License-Identifier: Apache-2.0
//
// Every codec against arbitrary bytes: nothing crashes, what is encoded is JSON, and a stream gives
// the same events however the network cuts it.
//
// Input: one byte each for the dialect decoded from, the dialect encoded to, the direction, the
// quirks' seed, the size of a stream's first piece and of its others; then the text.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "pieces.hpp"
#include "json/document.hpp"
#include "wire/anthropic/codec.hpp"
#include "wire/codec.hpp"
#include "wire/fault.hpp"
#include "wire/gemini/codec.hpp"
#include "wire/ollama/codec.hpp"
#include "wire/openai/codec.hpp"
#include "wire/responses/codec.hpp"

namespace weir {
namespace {

struct Codec {
  Result<wire::ChatRequest> (*decode_request)(json::Value);
  Result<wire::EncodeNotes> (*encode_request)(const wire::ChatRequest&, const wire::EncodeOptions&,
                                              std::string&);
  Result<wire::ChatResponse> (*decode_response)(json::Value, wire::Quirks);
  void (*encode_response)(const wire::ChatResponse&, std::string&);
  std::unique_ptr<wire::StreamDecoder> (*make_stream_decoder)(wire::Quirks,
                                                              std::size_t event_bytes_max);
  std::unique_ptr<wire::StreamEncoder> (*make_stream_encoder)(const wire::StreamOptions&);
};

#define WEIR_CODEC(dialect)                                                      \
  Codec {                                                                        \
    &wire::dialect::decode_request, &wire::dialect::encode_request,              \
        &wire::dialect::decode_response, &wire::dialect::encode_response,        \
        &wire::dialect::make_stream_decoder, &wire::dialect::make_stream_encoder \
  }

const std::array codecs{WEIR_CODEC(openai), WEIR_CODEC(responses), WEIR_CODEC(anthropic),
                        WEIR_CODEC(gemini), WEIR_CODEC(ollama)};
static_assert(codecs.size() == wire::dialect_count);

/// Each bit of `seed` sets four quirks, so that all of them and many mixtures are met.
wire::Quirks quirks_of(std::uint8_t seed) { return seed * 0x01010101u; }

void expect_json(std::string_view text) {
  json::Document document;
  WEIR_ASSERT(document.parse(text).has_value());
}

void fuzz_request(const Codec& from, const Codec& to, wire::Quirks quirks, std::string_view text) {
  json::Document document;
  if (!document.parse(text)) return;
  auto request = from.decode_request(document.root());
  if (!request) return;
  wire::link_tool_names(request->items);

  std::string body;
  if (to.encode_request(*request, {.model = "m", .quirks = quirks}, body)) expect_json(body);
}

void fuzz_response(const Codec& from, const Codec& to, wire::Quirks quirks, std::string_view text) {
  json::Document document;
  if (!document.parse(text)) return;
  const auto response = from.decode_response(document.root(), quirks);
  if (!response) return;

  std::string body;
  to.encode_response(*response, body);
  expect_json(body);
}

/// Keeps a written form of each event and hands it on to an encoder.
class Recorder final : public wire::EventSink {
 public:
  explicit Recorder(const Codec& to)
      : encoder_(to.make_stream_encoder({.id = "id", .model = "m"})) {}

  void on_event(const wire::StreamEvent& event) override {
    encoder_->encode(event, encoded_);
    std::string& line = events_.emplace_back();
    for (const std::int64_t number :
         {static_cast<std::int64_t>(event.type), std::int64_t{event.choice},
          std::int64_t{event.tool}, static_cast<std::int64_t>(event.tool_kind), event.created,
          static_cast<std::int64_t>(event.finish),
          event.usage != nullptr ? event.usage->input_total() : -1,
          event.usage != nullptr ? event.usage->output_total() : -1}) {
      line.append(std::to_string(number)).append(" ");
    }
    for (const std::string_view text : {event.text, event.id, event.model, event.name,
                                        event.signature, event.logprobs, event.stop_sequence}) {
      line.append(text).append("\n");
    }
    if (event.fault != nullptr) line.append(event.fault->message);
  }

  /// Everything observable: the events, and the bytes a client would see.
  [[nodiscard]] std::pair<std::vector<std::string>, std::string> take() {
    encoder_->finish(encoded_);
    return {std::move(events_), std::move(encoded_)};
  }

 private:
  std::unique_ptr<wire::StreamEncoder> encoder_;
  std::vector<std::string> events_;
  std::string encoded_;
};

auto decode_stream(const Codec& from, const Codec& to, wire::Quirks quirks, std::string_view stream,
                   std::size_t first, std::size_t stride) {
  const auto decoder = from.make_stream_decoder(quirks, wire::event_bytes_max_default);
  Recorder recorder(to);
  bool is_lost = false;
  fuzz::for_each_piece(stream, first, stride, [&](std::string_view piece) {
    if (!is_lost) is_lost = !decoder->feed(piece, recorder).has_value();
  });
  if (!is_lost) is_lost = !decoder->end(recorder).has_value();
  return std::tuple(recorder.take(), is_lost, decoder->is_complete(), decoder->is_terminated());
}

void fuzz_dialects(fuzz::Input input) {
  const Codec& from = codecs[input.byte() % codecs.size()];
  const Codec& to = codecs[input.byte() % codecs.size()];
  const std::uint8_t direction = input.byte();
  const wire::Quirks quirks = quirks_of(input.byte());
  const std::size_t first = input.byte();
  const std::size_t stride = input.byte() + std::size_t{1};
  const std::string_view text = input.rest();
  switch (direction % 3) {
    case 0:
      return fuzz_request(from, to, quirks, text);
    case 1:
      return fuzz_response(from, to, quirks, text);
    default:
      WEIR_ASSERT(decode_stream(from, to, quirks, text, first, stride) ==
                  decode_stream(from, to, quirks, text, text.size(), 1));
  }
}

}  // namespace
}  // namespace weir

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  weir::fuzz_dialects({data, size});
  return 0;
}
