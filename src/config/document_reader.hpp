// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/config.hpp"
#include "config/section_reader.hpp"
#include "config/tree.hpp"

namespace weir::config {

/// Fills `config` from the tree of a whole document, then from the environment's WEIR_* settings.
/// Provider entries are checked and completed.
void read_document(const Node& root, SectionReader& reader, Config& config);

/// Adds the providers whose keys or addresses the environment holds and `config` doesn't have yet.
/// What is there only by half goes to `notes`.
void add_environment_providers(SectionReader& reader, Config& config,
                               std::vector<std::string>& notes);

/// Adds the built-in provider `mock` unless there is an entry of that name.
void add_mock_provider(Config& config);

}  // namespace weir::config
