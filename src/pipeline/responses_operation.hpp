// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "pipeline/chat_operation.hpp"

namespace weir::pipeline {

/// A request of the Responses API. What its values point to outlives the operation.
struct ResponsesAsk {
  ChatAsk chat;                  ///< with the conversation so far, where that is kept here
  std::size_t items_before = 0;  ///< of the conversation so far
  std::string response_id;       ///< of an answer that no target of this dialect gives
  json::Value asked;             ///< what the client sent, without the conversation before it
  bool is_background = false;
  /// The conversation is at one target, which is the only one of the route.
  bool is_pinned = false;
};

/// An answer that a client may come back for.
struct KeptAnswer {
  std::string id;
  std::string target;
  std::string response;  ///< the whole; empty: the target keeps it
};

/// A chat whose answers can be continued, shown and removed later. A target of the dialect gets the
/// request as it is and keeps the answer itself; any other's answer is put into a `response` object
/// of ours.
class ResponsesOperation final : public Operation, private AnswerForm {
 public:
  explicit ResponsesOperation(ResponsesAsk ask);

  /// The answer whose end, or whose id, is in the bytes that were made last. Given once, so that it
  /// can be kept before the client learns of it.
  [[nodiscard]] std::optional<KeptAnswer> take_answer();

  [[nodiscard]] std::optional<Lack> lacks(const Target& target) const override;
  [[nodiscard]] bool is_uncertain(const Target& target) const override {
    return chat_.is_uncertain(target);
  }
  [[nodiscard]] const Target& variant_of(const Target& target) const override;
  Result<Outgoing> prepare(const Target& target) override;
  Result<Outgoing> prepare_prefilled(const Target& target, const StreamSoFar& begun) override {
    return chat_.prepare_prefilled(target, begun);
  }
  [[nodiscard]] std::unique_ptr<Relay> make_relay(const Target& target) const override;
  [[nodiscard]] bool is_stream() const override { return chat_.is_stream(); }
  [[nodiscard]] std::string_view media_type() const override { return chat_.media_type(); }
  [[nodiscard]] std::int64_t output_tokens_wanted() const override {
    return chat_.output_tokens_wanted();
  }
  [[nodiscard]] std::int64_t input_tokens_estimate() const override {
    return chat_.input_tokens_estimate();
  }
  [[nodiscard]] std::int64_t windows() const override { return chat_.windows(); }
  [[nodiscard]] std::uint64_t prefix_hash() const override { return chat_.prefix_hash(); }
  [[nodiscard]] bool is_joinable() const override { return chat_.is_joinable(); }
  [[nodiscard]] std::string field_asking_for(Wish wish) const override;
  void hold_answers_to(const guard::Rules& rules) override {
    is_held_to_rules_ = true;
    chat_.hold_answers_to(rules);
  }
  /// Two answers in the background would both be made to their end.
  [[nodiscard]] bool may_hedge() const override { return !is_background_ && !is_pinned_; }
  [[nodiscard]] bool is_pinned() const override { return is_pinned_; }
  [[nodiscard]] SealFate seal_fate(const Target& target) const override {
    return chat_.seal_fate(target);
  }
  bool drop_seals() override { return chat_.drop_seals(); }

 private:
  /// Written by relays and encoders, which know nothing of each other.
  struct Found {
    std::string target;  ///< of the relay that was made last for another dialect
    std::string echo;    ///< of what was asked, once such a relay was made
    std::string whole;   ///< the `response` object, once it is complete
    std::optional<KeptAnswer> at_target;
  };

  void encode_response(const wire::ChatResponse& response, std::string& out) const override;
  [[nodiscard]] std::unique_ptr<wire::StreamEncoder> make_stream_encoder(
      const wire::StreamOptions& options) const override;

  ChatOperation chat_;
  std::size_t items_before_;
  std::string response_id_;
  json::Value asked_;
  bool is_background_;
  bool is_pinned_;
  /// Then no answer is left to a target to keep: it would be shown from there as it was.
  bool is_held_to_rules_ = false;
  std::unique_ptr<Found> found_ = std::make_unique<Found>();
};

}  // namespace weir::pipeline
