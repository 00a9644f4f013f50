// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pipeline/call.hpp"

/// Members of a request that the client's dialect does not know (E-5).
namespace weir::pipeline {

/// Removes from `request` what `policy` does not let through to a target of `dialect`, and answers
/// what it removed. Errors: `invalid_request` naming the first member under `reject`.
Result<wire::Extra> take_unknown(wire::ChatRequest& request, UnknownParams policy,
                                 wire::Dialect dialect);

/// Does with `unknown`, which `take_unknown` removed, what `policy` says: names it in `dropped`, or
/// adds the members that the body lacks.
void apply_unknown(const wire::Extra& unknown, UnknownParams policy, Outgoing& outgoing);

}  // namespace weir::pipeline
