// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "weir/result.hpp"

/// Small files that must be whole and private: keys, tokens, the configuration written back.
///
/// Errors of all functions: `store_unavailable` with the path and the system's reason; what else
/// is said beside each.
namespace weir::store {

/// The whole file. Errors: `route_unknown` when there is none, `too_large` over `bytes_max`.
Result<std::string> read_file(const std::string& path, std::size_t bytes_max);

/// Something of that name is there.
bool exists(const std::string& path);

/// Makes the directory and its parents where they are missing; new ones have mode 0700.
Result<> make_private_directory(const std::string& path);

/// Creates a file of mode 0600 that only its owner reads. Errors: `idempotency_mismatch` when
/// something of that name is there already, links included.
Result<> create_private_file(const std::string& path, std::string_view content);

/// Adds `content` to the end of the file, which is made with mode 0600 where it is missing; durable
/// on return.
Result<> append_private_file(const std::string& path, std::string_view content);

/// Takes the file away; durable on return. That there is none is as good.
Result<> remove_file(const std::string& path);

/// Puts `content` in the place of the file: a reader sees all of the old or all of the new, also
/// after a crash. Keeps the old file's permissions; a new file has mode 0600. A link stays one: the
/// file it leads to is replaced.
Result<> replace_file(const std::string& path, std::string_view content);

}  // namespace weir::store
