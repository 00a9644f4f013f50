// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "json/document.hpp"

namespace weir::json {

/// Appends `value` in the one form that it has however it was written: no white space, members in
/// the order of their names, strings with no more escapes than are needed. Numbers keep their
/// digits: 1 and 1.0 are two texts.
///
/// Cost: linear but for the sorting of each object's members.
void append_canonical(std::string& out, Value value);

}  // namespace weir::json
