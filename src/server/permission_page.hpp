// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace weir::server {

/// The documentation's page on who may call which path of the administration, from the table of
/// all paths.
std::string permissions_markdown();

}  // namespace weir::server
