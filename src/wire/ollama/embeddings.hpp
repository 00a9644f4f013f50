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

/// Errors: `upstream_malformed`.
Result<EmbeddingsResponse> decode_embeddings_response(json::Value root);

}  // namespace weir::wire::ollama
