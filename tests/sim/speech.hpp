// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "json/document.hpp"
#include "wire/canonical.hpp"

namespace weir::sim {

struct Tokens {
  std::int64_t input = 0;
  std::int64_t output = 0;
};

/// A client's request.
struct Ask {
  std::string_view model;
  std::string_view text;
  bool is_stream = false;
  std::int64_t output_tokens_max = 0;  ///< 0 = not said
};

/// What a stream said, put together.
struct Heard {
  std::string text;
  int finishes = 0;
  int errors = 0;
  int terminators = 0;
  bool is_broken = false;
};

/// How a provider of one API answers, and how its client asks and listens. Written anew here, so
/// that the gateway's codecs are not their own judges.
class Speech {
 public:
  virtual ~Speech() = default;

  [[nodiscard]] virtual std::string request(const Ask& ask) const = 0;
  /// Takes in one frame of a stream.
  virtual void hear(json::Value frame, Heard& heard) const = 0;
  /// The text of a whole answer.
  [[nodiscard]] virtual std::optional<std::string> text_of(json::Value answer) const = 0;

  [[nodiscard]] virtual std::string_view stream_media_type() const = 0;
  [[nodiscard]] virtual std::string whole(std::string_view text, Tokens used) const = 0;
  // A stream, piece by piece.
  [[nodiscard]] virtual std::string begin(Tokens used) const = 0;
  [[nodiscard]] virtual std::string piece(std::string_view text) const = 0;
  [[nodiscard]] virtual std::string end(Tokens used) const = 0;
  [[nodiscard]] virtual std::string end_again() const = 0;
  [[nodiscard]] virtual std::string broken_piece() const = 0;
  [[nodiscard]] virtual std::string stream_error() const = 0;
  /// What `begin` tells of the usage; nothing: nothing.
  [[nodiscard]] virtual std::optional<Tokens> told_at_start(Tokens used) const = 0;
};

/// Precondition: OpenAI chat, Anthropic or Ollama (asserted).
const Speech& speech_of(wire::Dialect dialect);

/// What the bytes of a streamed answer said.
Heard hear_stream(wire::Dialect dialect, std::string_view bytes);

}  // namespace weir::sim
