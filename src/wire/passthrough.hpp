// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "json/document.hpp"
#include "weir/result.hpp"
#include "wire/canonical.hpp"

/// Same-dialect traffic: the body is not rebuilt, only looked at and patched where it must change.
namespace weir::wire {

/// What policy needs to know of a request, read without decoding it.
struct RequestPeek {
  std::string model;
  bool stream = false;
  bool wants_stream_usage = false;  ///< OpenAI chat: stream_options.include_usage
  std::optional<std::int64_t> output_tokens_max;
  std::int64_t n = 1;
  std::string user;
  std::size_t text_bytes = 0;  ///< bytes of all strings in the conversation and tools
  std::uint32_t images = 0;
  bool uses_tools = false;
  bool uses_audio = false;
  bool uses_files = false;
  bool uses_json_object = false;
  bool uses_json_schema = false;
  bool uses_logprobs = false;
  bool asks_reasoning = false;  ///< reasoning effort or thinking was set
};

/// What changes in a passed-through request.
struct RequestPatch {
  std::string_view model;          ///< replaces the body's `model`; empty = keep
  bool adds_stream_usage = false;  ///< OpenAI chat: sets stream_options.include_usage
};

/// What one frame of a passed-through stream (one SSE event, one NDJSON line) held.
struct FrameWatch {
  bool is_content = false;     ///< commits the stream
  bool is_terminator = false;  ///< [DONE], message_stop, done:true
  bool is_usage_only =
      false;  ///< an OpenAI usage chunk with no choice, to be hidden if not asked for
  std::optional<Usage> usage;
  Finish finish = Finish::none;  ///< of the first choice that finishes in this frame
  std::uint32_t finishes = 0;    ///< choices that finish in this frame
  std::optional<UpstreamFault> fault;
};

}  // namespace weir::wire
