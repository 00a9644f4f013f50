// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "weir/chat.hpp"
#include "weir/result.hpp"

namespace weir {

/// Takes an answer piece by piece from a provider of the user's own.
///
/// Each member answers whether to go on: false means that nobody waits for the answer any more
/// (cancelled, timed out, another target took over) and the provider should return. A call waits
/// while the reader is behind.
class AnswerSink {
 public:
  virtual ~AnswerSink() = default;
  virtual bool text(std::string_view piece) = 0;
  virtual bool reasoning(std::string_view piece) = 0;
  virtual bool tool_call(const ToolCall& call) = 0;
  [[nodiscard]] virtual bool is_wanted() const = 0;
};

/// A provider of the user's own: a model in the process, a queue, another protocol. Registered
/// under a name (`ProviderOptions::implementation`), it is a target like any other: routes,
/// retries, failover, statistics and deadlines hold for it.
///
/// Its members run on threads that the gateway keeps for this (`provider_threads`), never on those
/// that serve connections, so they may block; several calls may run at once. They must not throw.
/// What they answer passes through OpenAI's chat format, so that text, refusals, tool calls,
/// reasoning text, usage and the finish survive; ids of reasoning do not.
///
/// Errors decide what comes next as a server's would: `rate_limited`, `overloaded`,
/// `upstream_error` and the like are retried and failed over, `invalid_request` is the caller's
/// fault and ends the call.
class Provider {
 public:
  virtual ~Provider() = default;

  /// A whole answer: `items` (or, when there are none, `text`), `finish` and `usage` count.
  virtual Result<ChatResponse> chat(const ChatRequest& request) = 0;

  /// A streamed answer. What was not given to `sink` is not told to the caller; of the result,
  /// `finish` and `usage` count. Unless overridden, the whole answer comes as one piece.
  virtual Result<ChatResponse> stream(const ChatRequest& request, AnswerSink& sink);

  /// Unless overridden: `unsupported_capability`. Of the result, vectors and input_tokens count.
  virtual Result<EmbeddingResponse> embed(const EmbeddingRequest& request);

  /// Called by `Gateway::connect`; a good place to load a model.
  virtual Result<> connect() { return {}; }
};

}  // namespace weir
