// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "json/writer.hpp"
#include "ledger/record.hpp"

namespace weir::ledger {

/// The call as one JSON object, on one line.
void write_json(json::Writer& json, const CallRecord& call);

}  // namespace weir::ledger
