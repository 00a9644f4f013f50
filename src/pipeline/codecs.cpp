// SPDX-License-Identifier: Apache-2.0
#include "pipeline/codecs.hpp"

#include <array>

#include "wire/anthropic/codec.hpp"
#include "wire/anthropic/passthrough.hpp"
#include "wire/gemini/codec.hpp"
#include "wire/gemini/passthrough.hpp"
#include "wire/ollama/codec.hpp"
#include "wire/ollama/passthrough.hpp"
#include "wire/openai/codec.hpp"
#include "wire/openai/passthrough.hpp"
#include "wire/responses/codec.hpp"
#include "wire/responses/passthrough.hpp"

namespace weir::pipeline {
namespace {

constexpr std::string_view sse_media_type = "text/event-stream";
constexpr std::string_view ndjson_media_type = "application/x-ndjson";

// One row per dialect, in the order of the enumeration.
constexpr std::array<Codec, wire::dialect_count> codecs{{
    {wire::openai::decode_request, wire::openai::encode_request, wire::openai::decode_response,
     wire::openai::encode_response, wire::openai::make_stream_decoder,
     wire::openai::make_stream_encoder, sse_media_type, wire::Framing::sse,
     wire::openai::peek_request, wire::openai::patch_request, wire::openai::meets_quirk,
     wire::openai::watch_response, wire::openai::make_stream_watcher},
    {wire::responses::decode_request, wire::responses::encode_request,
     wire::responses::decode_response, wire::responses::encode_response,
     wire::responses::make_stream_decoder, wire::responses::make_stream_encoder, sse_media_type,
     wire::Framing::sse, wire::responses::peek_request, wire::responses::patch_request, nullptr,
     wire::responses::watch_response, wire::responses::make_stream_watcher},
    {wire::anthropic::decode_request, wire::anthropic::encode_request,
     wire::anthropic::decode_response, wire::anthropic::encode_response,
     wire::anthropic::make_stream_decoder, wire::anthropic::make_stream_encoder, sse_media_type,
     wire::Framing::sse, wire::anthropic::peek_request, wire::anthropic::patch_request, nullptr,
     wire::anthropic::watch_response, wire::anthropic::make_stream_watcher},
    {wire::gemini::decode_request, wire::gemini::encode_request, wire::gemini::decode_response,
     wire::gemini::encode_response, wire::gemini::make_stream_decoder,
     wire::gemini::make_stream_encoder, sse_media_type, wire::Framing::sse,
     wire::gemini::peek_request, wire::gemini::patch_request, nullptr, wire::gemini::watch_response,
     wire::gemini::make_stream_watcher},
    {wire::ollama::decode_request, wire::ollama::encode_request, wire::ollama::decode_response,
     wire::ollama::encode_response, wire::ollama::make_stream_decoder,
     wire::ollama::make_stream_encoder, ndjson_media_type, wire::Framing::lines,
     wire::ollama::peek_request, wire::ollama::patch_request, nullptr, wire::ollama::watch_response,
     wire::ollama::make_stream_watcher},
}};

}  // namespace

const Codec& codec_of(wire::Dialect dialect) noexcept {
  return codecs[static_cast<std::size_t>(dialect)];
}

}  // namespace weir::pipeline
