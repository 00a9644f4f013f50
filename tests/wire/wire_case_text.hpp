// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "json/document.hpp"
#include "wire/codec.hpp"

/// The text forms that wire cases are written in.
namespace weir::wire::cases {

/// The file's bytes; nothing when there is no such file.
std::optional<std::string> read_file(const std::filesystem::path& path);
std::vector<std::string> lines_of(std::string_view text);

/// Where two JSON values differ, as a path and both sides; empty when they are equal. The order of
/// members doesn't count, 1 and 1.0 are equal.
std::string difference(json::Value expected, json::Value actual);
/// The same for texts; one that is not JSON is a difference.
std::string text_difference(std::string_view expected, std::string_view actual);

/// Indented, one member per line.
std::string pretty(json::Value value);

/// One line of events.jsonl.
std::string event_line(const StreamEvent& event);
std::string fault_text(const UpstreamFault& fault);

/// Reads a case's `options` file. Answers the words it does not know.
std::vector<std::string> read_options(std::string_view text, EncodeOptions& options);

}  // namespace weir::wire::cases
