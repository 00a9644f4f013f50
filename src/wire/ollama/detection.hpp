// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "json/document.hpp"
#include "weir/result.hpp"

/// What a running Ollama tells of its models.
namespace weir::wire::ollama {

/// What a server says of one model. Old servers tell no capabilities: `has_capabilities` is then
/// false, and nothing follows from the flags.
struct ModelFacts {
  std::string name;  ///< with its tag; empty in answers of /api/show
  bool has_capabilities = false;
  bool completes = false;  ///< chat and completion
  bool takes_tools = false;
  bool takes_images = false;
  bool takes_audio = false;
  bool reasons = false;
  bool embeds = false;
  std::optional<std::int64_t> context_tokens;  ///< what the model was made for, not its `num_ctx`
  bool is_remote = false;                      ///< runs in Ollama's cloud, behind the local server
  std::string digest{};  ///< of its files; only in answers of /api/tags, and there not always
  bool operator==(const ModelFacts&) const = default;
};

/// Reads the answer of `GET /api/tags`. Errors: `upstream_malformed`.
Result<std::vector<ModelFacts>> decode_tags(json::Value root);

/// Reads the answer of `POST /api/show`. Errors: `upstream_malformed`.
Result<ModelFacts> decode_show(json::Value root);

}  // namespace weir::wire::ollama
