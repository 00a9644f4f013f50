// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "net/task.hpp"
#include "pipeline/attempt.hpp"

/// What we ask providers on our own account, beside the calls of clients.
namespace weir::engine {

struct Question {
  std::string path;
  std::optional<std::string> body = {};  ///< JSON; nothing: a GET
  std::chrono::seconds silence_max{10};  ///< until the head, then between any two pieces
  std::chrono::seconds total_max{10};    ///< for the whole body
  std::size_t bytes_max = std::size_t{4} << 20;
  /// Gets the answer piece by piece, in the place of the result.
  std::function<void(std::string_view piece)> on_piece = {};
};

struct Reply {
  int status = 0;
  std::string body;  ///< empty where `on_piece` got it
};

/// Asks the provider of `target` and answers with what it says, be it a refusal. Errors:
/// `upstream_unreachable`, `upstream_timeout`, `upstream_malformed`. What is referred to outlives
/// the task.
net::Task<Result<Reply>> ask_for_reply(net::Loop& loop, pipeline::ExchangeFactory& exchanges,
                                       const pipeline::Target& target, const Question& question,
                                       net::Cancellation& cancellation);

/// The same for the body alone. Also `upstream_error` with status and words of a refusal.
net::Task<Result<std::string>> ask(net::Loop& loop, pipeline::ExchangeFactory& exchanges,
                                   const pipeline::Target& target, const Question& question,
                                   net::Cancellation& cancellation);

}  // namespace weir::engine
