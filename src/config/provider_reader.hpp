// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "config/config.hpp"
#include "config/section_reader.hpp"
#include "config/tree.hpp"

namespace weir::config {

/// Reads, checks and completes one entry of `providers:`. Key and address that the entry doesn't
/// write come from the environment variables of its type.
ProviderConfig read_provider(const Member& member, const std::string& path, SectionReader& reader,
                             const Config& config);

/// Reads `params:`, defaults of a request's members.
void read_params(const Node& node, const std::string& path, SectionReader& reader,
                 std::vector<DefaultParam>& out);

}  // namespace weir::config
