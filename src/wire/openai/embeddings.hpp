// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "json/document.hpp"
#include "weir/result.hpp"
#include "wire/canonical.hpp"
#include "wire/codec.hpp"
#include "wire/embeddings.hpp"

/// OpenAI's embeddings endpoint, both directions.
/// Source: OpenAI API reference, "Embeddings"; the base64 form as the official SDKs read it.
namespace weir::wire::openai {

enum class EmbeddingFormat : std::uint8_t {
  floats,
  base64,  ///< base64 of packed little-endian float32; what the official SDKs ask for by themselves
};

/// A client's request: what is asked, and how the answer is to look.
struct EmbeddingsCall {
  EmbeddingsRequest request;
  EmbeddingFormat format = EmbeddingFormat::floats;
  Extra extra;  ///< members we do not know
};

/// Errors: `invalid_request` with the path.
Result<EmbeddingsCall> decode_embeddings_request(json::Value root);

/// Appends the body. `model` is the id at the target. Asks for floats: not every server knows
/// base64.
EncodeNotes encode_embeddings_request(const EmbeddingsRequest& request, std::string_view model,
                                      Quirks quirks, std::string& out);

/// Takes vectors in both forms, in any order, each once.
///
/// Errors: `upstream_malformed`.
Result<EmbeddingsResponse> decode_embeddings_response(json::Value root);

void encode_embeddings_response(const EmbeddingsResponse& response, EmbeddingFormat format,
                                std::string& out);

}  // namespace weir::wire::openai
