// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "json/document.hpp"
#include "pipeline/call.hpp"
#include "wire/passthrough.hpp"

namespace weir::pipeline {

/// Ollama's `POST /api/generate`: as it is for Ollama targets, as a chat of one user message for
/// all others.
class GenerateOperation final : public Operation {
 public:
  /// `root`, `request_id` and `chat`, the form of a chat's answer, outlive the operation. Errors:
  /// `invalid_request`.
  static Result<std::unique_ptr<GenerateOperation>> make(json::Value root,
                                                         std::string_view request_id,
                                                         std::int64_t unix_seconds,
                                                         const AnswerForm& chat);

  [[nodiscard]] const std::string& model() const { return peek_.model; }
  [[nodiscard]] std::optional<Lack> lacks(const Target& target) const override;
  [[nodiscard]] std::string field_asking_for(Wish wish) const override;
  [[nodiscard]] bool is_uncertain(const Target& target) const override;
  Result<Outgoing> prepare(const Target& target) override;
  [[nodiscard]] std::unique_ptr<Relay> make_relay(const Target& target) const override;
  void hold_answers_to(const guard::Rules& rules) override { rules_ = &rules; }
  [[nodiscard]] bool is_stream() const override { return peek_.stream; }
  [[nodiscard]] std::string_view media_type() const override;
  [[nodiscard]] std::int64_t output_tokens_wanted() const override {
    return peek_.output_tokens_max.value_or(0);
  }
  [[nodiscard]] std::int64_t input_tokens_estimate() const override;
  [[nodiscard]] std::int64_t windows() const override { return peek_.n; }
  [[nodiscard]] std::uint64_t prefix_hash() const override;

 private:
  GenerateOperation(json::Value root, wire::RequestPeek peek, std::string_view request_id,
                    std::int64_t unix_seconds, const AnswerForm& chat);
  [[nodiscard]] bool passes_through(const Target& target) const;

  json::Value root_;
  wire::RequestPeek peek_;
  std::string_view request_id_;
  std::int64_t unix_seconds_;
  std::unique_ptr<const AnswerForm> form_;
  std::string path_;                     ///< at the target that was prepared last
  const guard::Rules* rules_ = nullptr;  ///< that answers are held to; null: none
};

}  // namespace weir::pipeline
