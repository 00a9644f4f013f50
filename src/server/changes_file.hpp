// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "config/loader.hpp"

namespace weir::server {

/// The configuration in force, and what it was made of.
struct ChangedConfiguration {
  const config::LoadOptions& load;  ///< its edits are what is to be written
  const config::Environment& environment;
  bool is_root;
  const std::vector<std::string>& files;  ///< it was read from these; none: a new one is made
  const config::Config& in_force;
};

/// Writes each change into the file that its entry stands in, those to new entries into the first.
/// The answer is the names of the files, also of the one that needed nothing because there was no
/// change. Errors: an entry that several files have a part of; a file that can't be read or
/// written.
Result<std::string> write_changes(const ChangedConfiguration& changed);

}  // namespace weir::server
