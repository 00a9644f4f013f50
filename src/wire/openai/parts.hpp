// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "json/document.hpp"
#include "json/object_reader.hpp"
#include "json/writer.hpp"
#include "weir/result.hpp"
#include "wire/canonical.hpp"
#include "wire/codec.hpp"
#include "wire/members.hpp"

/// Content parts, both directions.
namespace weir::wire::openai {

/// Reads one part; a type we don't know becomes an opaque one.
Part read_part(json::Value value, const json::Path& path, json::Problem& problem);

/// Reads `content`, a string or an array of parts, into `parts`. Null and absent give none.
/// Answers whether it was a string.
bool read_content(json::ObjectReader& message, std::vector<Part>& parts);

/// Chat Completions has no place for an image or a file given by another provider's id, a file
/// given by a link, and parts of other dialects: `unsupported_capability`, with the part's path or,
/// where that is not known, `conversation`.
Result<> check_part(const Part& part, bool is_native, std::string_view conversation,
                    const EncodeOptions& options);

/// Which of a request's members that we do not know a server with `quirks` takes.
Taken taken_of(const ChatRequest& request, Quirks quirks);

/// Precondition: `check_part` took it.
void write_part(json::Writer& json, const Part& part, Taken taken);

/// The text of the text parts, joined by `separator`.
std::string joined_text(const std::vector<const Part*>& parts, std::string_view separator);

}  // namespace weir::wire::openai
