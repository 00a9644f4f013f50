// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "json/document.hpp"
#include "weir/result.hpp"
#include "wire/codec.hpp"
#include "wire/embeddings.hpp"

/// Embeddings from Ollama's `POST /api/embed`.
namespace weir::wire::ollama {

/// Appends the body. `model` is the id at the target.
///
/// Errors: `unsupported_capability` for tokens in place of text; `invalid_request` without input.
Result<EncodeNotes> encode_embeddings_request(const EmbeddingsRequest& request,
                                              std::string_view model, std::string& out);

/// Reads a client's `/api/embed`, or its older `/api/embeddings` (`prompt`, one vector).
///
/// Errors: `invalid_request` with the path.
Result<EmbeddingsAsk> decode_embeddings_request(json::Value root);

void encode_embeddings_response(const EmbeddingsResponse& response, std::string& out);
/// The answer of `/api/embeddings`.
void encode_old_embedding_response(const EmbeddingsResponse& response, std::string& out);

/// Errors: `upstream_malformed`.
Result<EmbeddingsResponse> decode_embeddings_response(json::Value root);

}  // namespace weir::wire::ollama
