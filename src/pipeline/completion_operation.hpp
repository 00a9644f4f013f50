// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "json/document.hpp"
#include "pipeline/call.hpp"
#include "wire/openai/completions.hpp"

namespace weir::pipeline {

/// Clients of the old endpoint read `text_completion` objects.
struct TextCompletions final : AnswerForm {
  void encode_response(const wire::ChatResponse& response, std::string& out) const override;
  [[nodiscard]] std::unique_ptr<wire::StreamEncoder> make_stream_encoder(
      const wire::StreamOptions& options) const override;

  wire::openai::CompletionStyle style;  ///< its echo is the prompt, where that is asked for
};

/// Whether several prompts are asked one by one.
enum class Parting : std::uint8_t {
  none,           ///< all targets that may answer take them together, or there is one only
  at_once,        ///< no target takes them together, and some may take them so
  after_failure,  ///< some do and some do not: where none of the former answers
};

/// A legacy completion (`POST /v1/completions`): as it is for targets that have the endpoint, as a
/// chat of one user message for those that only chat.
class CompletionOperation final : public Operation {
 public:
  /// Reads what policy needs of `root`, which outlives the operation. Errors: `invalid_request`.
  static Result<std::unique_ptr<CompletionOperation>> make(json::Value root,
                                                           std::string_view request_id,
                                                           std::int64_t unix_seconds);

  [[nodiscard]] const std::string& model() const { return model_; }
  [[nodiscard]] std::size_t prompts() const { return prompts_; }
  [[nodiscard]] Parting parting_on(const Route& route) const;
  /// The prompt at `place` as an operation of its own, that asks for a chat: its choices are
  /// numbered as they are in the joint answer, whose id they bear. `request_id` outlives it.
  /// Precondition: place < prompts(), and there are several.
  [[nodiscard]] std::unique_ptr<CompletionOperation> part(std::size_t place,
                                                          std::string_view request_id) const;
  /// The id of the joint answer.
  [[nodiscard]] std::string answer_id() const;
  [[nodiscard]] std::int64_t unix_seconds() const { return unix_seconds_; }
  [[nodiscard]] bool wants_stream_usage() const { return wants_stream_usage_; }
  [[nodiscard]] std::optional<Lack> lacks(const Target& target) const override;
  [[nodiscard]] bool is_uncertain(const Target&) const override { return false; }
  [[nodiscard]] std::optional<OwnPath> own_path(const Target& target) const override;
  [[nodiscard]] std::string field_asking_for(Wish wish) const override;
  Result<Outgoing> prepare(const Target& target) override;
  [[nodiscard]] std::unique_ptr<Relay> make_relay(const Target& target) const override;
  void hold_answers_to(const guard::Rules& rules) override { rules_ = &rules; }
  [[nodiscard]] bool is_stream() const override { return is_stream_; }
  [[nodiscard]] std::string_view media_type() const override;
  [[nodiscard]] std::int64_t output_tokens_wanted() const override { return output_tokens_; }
  [[nodiscard]] std::int64_t input_tokens_estimate() const override;
  [[nodiscard]] std::uint64_t prefix_hash() const override;

 private:
  CompletionOperation(json::Value root, std::string_view request_id, std::int64_t unix_seconds)
      : root_(root), request_id_(request_id), unix_seconds_(unix_seconds) {}
  [[nodiscard]] bool passes_through(const Target& target) const;
  [[nodiscard]] bool has_way_through(const Target& target) const;
  void read_prompt(json::Value prompt);

  json::Value root_;
  std::string_view request_id_;
  std::int64_t unix_seconds_;
  std::string model_;
  bool is_stream_ = false;
  bool wants_stream_usage_ = false;
  std::int64_t output_tokens_ = 0;
  std::int64_t choices_ = 1;  ///< over all prompts
  std::size_t prompts_ = 1;
  std::optional<std::size_t> place_;  ///< of the only prompt, where there were several
  std::string_view prompt_;           ///< as it stands in the body
  bool wants_echo_ = false;
  bool wants_logprobs_ = false;
  TextCompletions form_;
  const guard::Rules* rules_ = nullptr;  ///< that answers are held to; null: none
};

}  // namespace weir::pipeline
