// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// Embeddings in canonical form, close to OpenAI's.
namespace weir::wire {

/// One thing to embed: a text, or tokens of the target's own vocabulary.
struct EmbeddingInput {
  std::string text;
  std::string tokens;  ///< raw JSON array of token ids; not empty = this is no text
  bool operator==(const EmbeddingInput&) const = default;
};

struct EmbeddingsRequest {
  std::string model;
  std::vector<EmbeddingInput> inputs;
  std::optional<std::int64_t> dimensions;
  std::string user;  ///< end-user id; empty = unset
};

/// A client's request: what is asked, and what of it no other dialect can be told.
struct EmbeddingsAsk {
  EmbeddingsRequest request;
  std::vector<std::string> unknown;  ///< names of members
};

struct EmbeddingsResponse {
  std::string model;                        ///< empty = not told
  std::vector<std::vector<float>> vectors;  ///< in the order of the inputs
  std::optional<std::int64_t> input_tokens;
  bool is_impossible = false;  ///< a count was told that none can be (S-11.8)
};

}  // namespace weir::wire
