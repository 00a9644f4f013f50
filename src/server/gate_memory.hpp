// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shared_state/gate.hpp"

/// What the gate remembers over a restart, as a small file.
namespace weir::server {

/// JSON; times as Unix milliseconds, so that the same states give the same text later.
std::string gate_text(const std::vector<shared_state::KeptState>& states, std::int64_t now_ms);

/// What of `text` still holds at `now_ms`. Rows that can't be read are passed over.
std::vector<shared_state::KeptState> read_gate_text(std::string_view text, std::int64_t now_ms);

}  // namespace weir::server
