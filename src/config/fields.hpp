// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"

namespace weir::config {

/// One setting as it is in force, for `weir config explain`.
struct SettingView {
  std::string path;
  std::string value;   ///< secrets only as `Secret::to_display`
  std::string source;  ///< `default`, `file:line` or `env NAME`
};

/// Every setting of the whole, then those that providers and routes set. Settings of a provider or
/// a route that are nowhere set are left out.
std::vector<SettingView> list_settings(const Config& config);

/// Where a provider was found: its own place, or that of the key or, for a local server, the
/// address that brought it about; `built in` where there is none.
std::string_view found_at(const Config& config, const ProviderConfig& provider);

/// The configuration's reference page for the documentation, from the tables of all fields.
std::string config_reference_markdown();

}  // namespace weir::config
