// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "json/document.hpp"
#include "weir/result.hpp"
#include "wire/codec.hpp"
#include "wire/embeddings.hpp"

/// Embeddings from Gemini's `batchEmbedContents`.
namespace weir::wire::gemini {

/// `/models/x:batchEmbedContents`.
std::string embeddings_path(std::string_view model);

/// Appends the body. `model` is the id at the target.
///
/// Errors: `unsupported_capability` for tokens in place of text; `invalid_request` without input.
Result<EncodeNotes> encode_embeddings_request(const EmbeddingsRequest& request,
                                              std::string_view model, std::string& out);

/// Reads a client's `embedContent`, or its `batchEmbedContents`; the path names the model. All
/// texts of a content are one input.
///
/// Errors: `invalid_request` with the path.
Result<EmbeddingsAsk> decode_embed_request(json::Value root);
Result<EmbeddingsAsk> decode_batch_embed_request(json::Value root);

void encode_embed_response(const EmbeddingsResponse& response, std::string& out);
void encode_batch_embed_response(const EmbeddingsResponse& response, std::string& out);

/// Reads the answer of `batchEmbedContents`, or of `embedContent` with its one vector.
///
/// Errors: `upstream_malformed`.
Result<EmbeddingsResponse> decode_embeddings_response(json::Value root);

}  // namespace weir::wire::gemini
