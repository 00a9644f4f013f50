// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "config/config.hpp"

namespace weir::admin {

/// What a change of the configuration came to, for the audit log: JSON objects of the settings that
/// are not as they were, by their paths, secrets only as they are displayed. Empty where there is
/// nothing of that side; more than 100 are counted and not listed.
struct ConfigDifference {
  std::string before;
  std::string after;
};
ConfigDifference difference(const config::Config& before, const config::Config& after);

}  // namespace weir::admin
