// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "server/redactor.hpp"
#include "wire/canonical.hpp"

/// What is kept of a question or an answer where content is logged: always one JSON value, and
/// always without secrets and what else the redactor takes out. That looks at texts as people read
/// them, so JSON is looked at string by string, and a stream's pieces are joined first: cut by
/// half, a secret would be found by nobody.
namespace weir::server {

/// What a stream's bytes are.
enum class StreamForm : std::uint8_t {
  chat,        ///< in the client's dialect
  completion,  ///< of plain text: OpenAI's older one, Ollama's generate
  other,       ///< of a transcript its text is kept, of anything else the size
};

/// A whole body: JSON as it is, anything else as a string. Empty: null.
std::string kept_content(std::string_view body, const Redactor& redactor);
/// A stream as the texts that it brought, also one that broke.
std::string kept_stream(std::string_view bytes, StreamForm form, wire::Dialect dialect,
                        const Redactor& redactor);
/// In the place of content that is not kept.
std::string not_kept(std::string_view reason, std::size_t bytes);

}  // namespace weir::server
