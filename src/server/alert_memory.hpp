// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "health/alerts.hpp"

/// What alerts remember over a restart, as a small file.
namespace weir::server {

std::string alerts_text(const health::Alerts& alerts);

/// Events that can't be read are passed over.
health::KeptAlerts read_alerts_text(std::string_view text);

}  // namespace weir::server
