// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "json/document.hpp"
#include "pipeline/call.hpp"
#include "tokens/chat_tally.hpp"
#include "wire/passthrough.hpp"

namespace weir::pipeline {

/// How many tokens a chat would cost, for clients of any dialect: counted by a target of the
/// client's dialect where the route has one that can, else by our own counter.
///
/// OpenAI's chat and Ollama have no path for it. Their clients ask as vLLM's tokenizer is asked,
/// with a chat or a `prompt`, and are answered as it answers.
class CountOperation final : public Operation {
 public:
  /// `root` outlives the operation. Errors: `invalid_request`.
  static Result<std::unique_ptr<CountOperation>> make(wire::Dialect client, json::Value root);

  /// Empty where the path names it.
  [[nodiscard]] const std::string& model() const { return peek_.model; }
  /// True when a target of `route` can count.
  [[nodiscard]] bool has_counter(const Route& route) const;
  /// Our own count, for the first target of `route`, as the client's dialect writes it. Errors:
  /// `invalid_request`.
  [[nodiscard]] Result<std::string> own_count(const Route& route) const;

  [[nodiscard]] std::optional<Lack> lacks(const Target& target) const override;
  [[nodiscard]] bool is_uncertain(const Target&) const override { return false; }
  [[nodiscard]] const Target& variant_of(const Target& target) const override;
  Result<Outgoing> prepare(const Target& target) override;
  [[nodiscard]] std::unique_ptr<Relay> make_relay(const Target& target) const override;
  [[nodiscard]] bool is_stream() const override { return false; }
  [[nodiscard]] std::string_view media_type() const override { return "application/json"; }
  [[nodiscard]] std::int64_t output_tokens_wanted() const override { return 0; }
  [[nodiscard]] std::int64_t input_tokens_estimate() const override { return 0; }
  [[nodiscard]] std::uint64_t prefix_hash() const override { return 0; }
  [[nodiscard]] bool is_beside_model() const override { return true; }

 private:
  static Result<std::unique_ptr<CountOperation>> make_of_prompt(wire::Dialect client,
                                                                json::Value root);
  CountOperation(wire::Dialect client, json::Value root, json::Value chat, wire::RequestPeek peek)
      : client_(client), root_(root), chat_(chat), peek_(std::move(peek)) {}

  [[nodiscard]] Result<tokens::Tally> tally_for(const Target& target) const;

  wire::Dialect client_;
  json::Value root_;
  json::Value chat_;  ///< the request to be counted: Gemini's may stand inside the body
  wire::RequestPeek peek_;
  std::optional<std::string> prompt_;  ///< text by itself, in the place of a chat
  std::string path_;                   ///< at the target that was prepared last
};

}  // namespace weir::pipeline
