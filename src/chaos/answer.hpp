// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "chaos/fault.hpp"
#include "wire/canonical.hpp"

namespace weir::chaos {

/// A model call as it came in.
struct Ask {
  wire::Dialect dialect = wire::Dialect::openai_chat;
  std::string_view body;
  std::string path_model = {};  ///< Gemini: the path names it
  bool is_path_stream = false;
};

/// An answer in pieces, each with the number of tokens that it carries.
struct Script {
  struct Piece {
    std::string bytes;
    std::int64_t tokens = 0;
    milliseconds wait{0};  ///< before it
  };
  enum class End : std::uint8_t { whole, cut, stall };

  int status = 200;
  std::string media_type = "application/json";
  std::string fields;  ///< further header lines, each ended by CRLF
  bool is_stream = false;
  std::vector<Piece> pieces;
  End end = End::whole;
  std::int64_t length_lie = 0;
  std::string model;
  std::int64_t input_tokens = 0;  ///< that are billed once the model has begun
};

/// What `fault` makes of a good answer, which repeats the last thing the user said after `echo: `,
/// word for word. A request that can't be read is answered with 400.
Script make_script(const Ask& ask, const Fault& fault, std::int64_t unix_seconds);

}  // namespace weir::chaos
