// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "wire/codec.hpp"

namespace weir::pipeline {

/// The functions of one dialect; see wire/codec.hpp for their contracts.
struct Codec {
  Result<wire::ChatRequest> (*decode_request)(json::Value root);
  Result<wire::EncodeNotes> (*encode_request)(const wire::ChatRequest& request,
                                              const wire::EncodeOptions& options, std::string& out);
  Result<wire::ChatResponse> (*decode_response)(json::Value root, wire::Quirks quirks);
  void (*encode_response)(const wire::ChatResponse& response, std::string& out);
  std::unique_ptr<wire::StreamDecoder> (*make_stream_decoder)(wire::Quirks quirks);
  std::unique_ptr<wire::StreamEncoder> (*make_stream_encoder)(const wire::StreamOptions& options);
  /// Media type of a streamed answer.
  std::string_view stream_media_type;
};

const Codec& codec_of(wire::Dialect dialect) noexcept;

}  // namespace weir::pipeline
