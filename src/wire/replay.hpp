// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wire/canonical.hpp"
#include "wire/codec.hpp"

namespace weir::wire {

/// Tells a whole answer as the events of a stream: each item in one piece, choice after choice,
/// usage at the end.
void replay(const ChatResponse& response, EventSink& sink);

}  // namespace weir::wire
