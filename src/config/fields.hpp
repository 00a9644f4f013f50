// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace weir::config {

/// The configuration's reference page for the documentation, from the tables of all fields.
std::string config_reference_markdown();

}  // namespace weir::config
