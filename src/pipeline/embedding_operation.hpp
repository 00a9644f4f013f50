// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "json/document.hpp"
#include "pipeline/call.hpp"
#include "wire/openai/embeddings.hpp"

namespace weir::pipeline {

/// Embeddings from any target that has them, for a client of any dialect that has them too.
class EmbeddingOperation final : public Operation {
 public:
  /// `root` outlives the operation. Errors: `invalid_request`.
  static Result<std::unique_ptr<EmbeddingOperation>> make(json::Value root);

  /// A client of another dialect, with its own way to write the answer.
  using Encoder = void (*)(const wire::EmbeddingsResponse& response, std::string& out);
  EmbeddingOperation(wire::EmbeddingsAsk ask, Encoder encode);

  [[nodiscard]] const std::string& model() const { return call_.request.model; }
  [[nodiscard]] std::optional<Lack> lacks(const Target& target) const override;
  [[nodiscard]] bool is_uncertain(const Target& target) const override;
  [[nodiscard]] std::optional<OwnPath> own_path(const Target&) const override {
    return embeddings_own_path;
  }
  [[nodiscard]] std::string field_asking_for(Wish) const override { return "model"; }
  Result<Outgoing> prepare(const Target& target) override;
  [[nodiscard]] std::unique_ptr<Relay> make_relay(const Target& target) const override;
  [[nodiscard]] bool is_stream() const override { return false; }
  [[nodiscard]] std::string_view media_type() const override { return "application/json"; }
  [[nodiscard]] std::int64_t output_tokens_wanted() const override { return 0; }
  [[nodiscard]] std::int64_t input_tokens_estimate() const override;
  [[nodiscard]] std::uint64_t prefix_hash() const override { return 0; }

 private:
  EmbeddingOperation(json::Value root, wire::openai::EmbeddingsCall call)
      : root_(root), call_(std::move(call)) {}

  [[nodiscard]] bool passes_through(const Target& target) const;

  std::optional<json::Value> root_;  ///< of an OpenAI client
  wire::openai::EmbeddingsCall call_;
  std::vector<std::string> unknown_;  ///< members of another dialect that no target is told
  Encoder encode_ = nullptr;          ///< null: OpenAI's
};

}  // namespace weir::pipeline
