// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "json/document.hpp"
#include "pipeline/call.hpp"
#include "wire/passthrough.hpp"

namespace weir::pipeline {

/// A client's request for a chat. `root`, the text behind it and the views outlive the operation.
struct ChatAsk {
  wire::Dialect client = wire::Dialect::openai_chat;
  json::Value root;
  /// With model and stream set, also where they stand in the path.
  wire::RequestPeek peek;
  std::string_view request_id;
  std::int64_t unix_seconds = 0;
  bool is_json_array = false;  ///< Gemini without `alt=sse`
  /// Of answers that are translated; null: the dialect's own. Outlives the operation.
  const AnswerForm* form = nullptr;
  std::string upstream_fields;  ///< header lines for targets of the client's own dialect
};

/// A chat, from a client of any dialect to a target of any dialect.
///
/// Within one dialect the client's own text goes out, patched where it must change; across dialects
/// it is decoded once and encoded for each target.
class ChatOperation final : public Operation {
 public:
  /// What the client's answer is made with beside the request; see RelayOptions.
  struct AnswerHooks {
    const AnswerForm* form = nullptr;
    std::function<void(std::string_view id)> on_kept_answer{};
  };

  explicit ChatOperation(ChatAsk ask);

  [[nodiscard]] std::optional<Lack> lacks(const Target& target) const override;
  [[nodiscard]] bool is_uncertain(const Target& target) const override;
  [[nodiscard]] const Target& variant_of(const Target& target) const override;
  Result<Outgoing> prepare(const Target& target) override;
  Result<Outgoing> prepare_prefilled(const Target& target, const StreamSoFar& begun) override;
  [[nodiscard]] std::unique_ptr<Relay> make_relay(const Target& target) const override;
  [[nodiscard]] std::unique_ptr<Relay> make_relay(const Target& target, AnswerHooks hooks) const;
  [[nodiscard]] bool is_joinable() const override;
  void hold_answers_to(const guard::Rules& rules) override { rules_ = &rules; }
  [[nodiscard]] bool is_stream() const override { return ask_.peek.stream; }
  [[nodiscard]] std::string_view media_type() const override;
  [[nodiscard]] std::int64_t output_tokens_wanted() const override {
    return ask_.peek.output_tokens_max.value_or(0);
  }
  [[nodiscard]] std::int64_t input_tokens_estimate() const override;
  [[nodiscard]] std::int64_t windows() const override { return ask_.peek.n; }
  [[nodiscard]] std::uint64_t prefix_hash() const override;
  [[nodiscard]] bool may_limit_output() const override { return true; }
  void limit_output(std::int64_t tokens) override { output_limit_ = tokens; }
  [[nodiscard]] SealFate seal_fate(const Target& target) const override {
    return fate_of_seals(ask_.peek, target, ask_.client);
  }
  bool drop_seals() override;
  [[nodiscard]] std::string field_asking_for(Wish wish) const override;

 private:
  [[nodiscard]] bool is_own_dialect(const Target& target) const;
  [[nodiscard]] bool needs_rewriting(const Target& target) const;
  /// Vendors whose seals go to `target`.
  [[nodiscard]] wire::VendorSet seals_kept(const Target& target) const;
  [[nodiscard]] bool loses_seals(const Target& target) const;
  Result<Outgoing> pass_through(const Target& target);
  Result<Outgoing> translate(const Target& target);
  Result<> decode();
  Result<Outgoing> encode(const wire::ChatRequest& request, const Target& target) const;
  [[nodiscard]] bool may_pass_unknown(const Target& target) const;

  ChatAsk ask_;
  std::optional<wire::ChatRequest> decoded_;
  const guard::Rules* rules_ = nullptr;  ///< that answers are held to; null: none
  std::int64_t output_limit_ = 0;
  bool has_dropped_seals_ = false;
};

}  // namespace weir::pipeline
