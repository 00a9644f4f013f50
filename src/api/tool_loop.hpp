// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "api/core.hpp"

namespace weir::api {

/// Chats and runs the tools that the model calls, on this thread, until it answers or `rounds_max`
/// questions were asked.
Result<ChatResponse> chat_with_tools(Core& core, ChatRequest request, CallOptions options,
                                     int rounds_max);

}  // namespace weir::api
