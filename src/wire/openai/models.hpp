// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

/// OpenAI's list of models.
/// Source: OpenAI API reference, "Models".
namespace weir::wire::openai {

struct ModelEntry {
  std::string_view id;
  std::string_view owned_by;
  std::int64_t created = 0;     ///< Unix seconds
  std::string_view extra = {};  ///< raw JSON of the member `weir`; empty: none
};

/// One model, as `GET /models/{id}` answers.
void encode_model(const ModelEntry& model, std::string& out);
/// All of them, as `GET /models` answers.
void encode_models(std::span<const ModelEntry> models, std::string& out);

}  // namespace weir::wire::openai
