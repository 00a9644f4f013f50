// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "wire/codec.hpp"
#include "wire/passthrough.hpp"

namespace weir::pipeline {

/// The functions of one dialect; see wire/codec.hpp for their contracts.
struct Codec {
  Result<wire::ChatRequest> (*decode_request)(json::Value root);
  Result<wire::EncodeNotes> (*encode_request)(const wire::ChatRequest& request,
                                              const wire::EncodeOptions& options, std::string& out);
  Result<wire::ChatResponse> (*decode_response)(json::Value root, wire::Quirks quirks);
  void (*encode_response)(const wire::ChatResponse& response, std::string& out);
  std::unique_ptr<wire::StreamDecoder> (*make_stream_decoder)(wire::Quirks quirks,
                                                              std::size_t event_bytes_max);
  std::unique_ptr<wire::StreamEncoder> (*make_stream_encoder)(const wire::StreamOptions& options);
  /// Media type of a streamed answer.
  std::string_view stream_media_type;
  wire::Framing framing;
  // Without rebuilding bodies; see wire/passthrough.hpp. Null where a dialect has none yet.
  Result<wire::RequestPeek> (*peek_request)(json::Value root);
  void (*patch_request)(json::Value root, const wire::RequestPatch& patch, std::string& out);
  /// Null where every quirk means that requests are rebuilt.
  bool (*meets_quirk)(json::Value root, wire::Quirks quirks);
  wire::ResponseWatch (*watch_response)(json::Value root, wire::Quirks quirks);
  std::unique_ptr<wire::StreamWatcher> (*make_stream_watcher)(wire::Quirks quirks,
                                                              std::int64_t choices);

  [[nodiscard]] bool passes_through() const noexcept { return patch_request != nullptr; }
};

const Codec& codec_of(wire::Dialect dialect) noexcept;

}  // namespace weir::pipeline
