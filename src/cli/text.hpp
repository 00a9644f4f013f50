// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// How the command line writes to people.
namespace weir::cli {

/// Writes to standard output, at once.
void print(std::string_view text);
/// Writes to standard error.
void print_error(std::string_view text);
[[nodiscard]] bool is_terminal_output();
/// Until it is time to look again.
void pause(std::chrono::milliseconds time);

/// `text` in a paler shade where the output is a terminal.
std::string dim(std::string_view text);

/// Text of others without what a terminal would obey: control characters but line breaks and tabs
/// are left out, so that a model's answer can't move the cursor or rename the window.
std::string harmless(std::string_view text);

using Row = std::vector<std::string>;
/// Rows with their columns side by side, each line after `indent` blanks; the last column is not
/// padded.
std::string table(const std::vector<Row>& rows, std::size_t indent = 0);

/// `1 route`, `2 routes`.
std::string counted(std::size_t count, std::string_view noun);
/// `$0.0123`; small amounts keep two digits that count.
std::string dollars(std::int64_t nanousd);
/// `340 ms`, `1.2 s`, `2 min 5 s`.
std::string duration(std::chrono::milliseconds time);
/// `128k`, `1M`, `32,768` for what is no round number of thousands.
std::string token_count(std::int64_t tokens);

/// `a=1`, `limits.burst=3`, `name=text` as one JSON object: dots make objects, values that are JSON
/// stay what they are, `null` takes a member away. Nothing when one has no `=` or no name, or when
/// two contradict each other.
std::string assignments_json(const std::vector<std::string>& assignments);

/// A line of standard input, without its end.
std::string read_line();
/// The same for a secret: a person at a terminal is asked for it by `prompt`, and it is not shown.
std::string read_secret(std::string_view prompt);

}  // namespace weir::cli
