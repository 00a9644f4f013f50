// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/tree.hpp"

/// Changes made while the program runs. They are laid over the tree of the files before it is read,
/// so that they are checked by the very code that checks a file.
namespace weir::config {

/// What changed values give as their source, in the place of `file:line`.
inline constexpr std::string_view edit_source = "admin API";

/// Adds `edit` to `edits`, folded into an earlier one to the same entry where that says the same.
/// Errors: `invalid_request` when the JSON is none, or for more than 1000 edits.
Result<> add_edit(std::vector<Edit>& edits, Edit edit);

/// Applies `edits` in their order to the tree of a whole document.
void apply_edits(Node& root, const std::vector<Edit>& edits, std::vector<Problem>& problems);

/// The text of the file with `edits` worked in. Lines that they don't concern keep their bytes,
/// comments included, wherever the file is written one entry a line; else the whole is written
/// anew. References such as `env:NAME` stay references. `file` tells by its ending whether it is
/// JSON. Errors: `invalid_request` when the file can't be read any more.
Result<std::string> write_back(std::string_view file, std::string_view text,
                               const std::vector<Edit>& edits);

}  // namespace weir::config
