// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "net/exchange.hpp"

namespace weir::pipeline {

/// The built-in provider that needs no network: answers Chat Completions, legacy completions and
/// embeddings by itself, always the same for the same request. It speaks OpenAI's dialect, so that
/// everything behind it is the code that serves real upstreams.
///
/// What it does is in the model's name: `echo` repeats the last user message, `error-429` (any
/// status) refuses, `slow` waits two seconds and streams with 50 ms between words, `slow-500ms`
/// waits that long, `cut-after-20` breaks its stream after 20 words, `stall-after-20` falls silent,
/// `garbage` answers what is no JSON, `empty` closes without an answer. Any other name answers at
/// once. It calls the first offered tool, unless a tool result is the last message.
///
/// Tokens are counted as words, so that figures can be checked by hand.
std::unique_ptr<net::Exchange> make_mock_exchange(net::Loop& loop, net::Cancellation& cancellation,
                                                  std::int64_t unix_seconds);

}  // namespace weir::pipeline
