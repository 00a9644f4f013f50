// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "pipeline/chat_operation.hpp"
#include "pipeline/kept_response_operation.hpp"

namespace weir::pipeline {

/// A conversation of the Responses API that is to be made shorter: `POST /responses/compact`. What
/// comes back is sealed by the model that made it, so there is nothing that another could do in its
/// place; targets without that API lack it.
class CompactOperation final : public Operation {
 public:
  struct Ask {
    ChatAsk chat;            ///< never a stream
    bool is_pinned = false;  ///< the conversation is at one target, the only one of the route
  };

  explicit CompactOperation(Ask ask) : chat_(std::move(ask.chat)), is_pinned_(ask.is_pinned) {}

  [[nodiscard]] std::optional<Lack> lacks(const Target& target) const override;
  [[nodiscard]] bool is_uncertain(const Target& /*target*/) const override { return false; }
  [[nodiscard]] const Target& variant_of(const Target& target) const override {
    return responses_variant(target);
  }
  Result<Outgoing> prepare(const Target& target) override;
  [[nodiscard]] std::unique_ptr<Relay> make_relay(const Target& target) const override;
  [[nodiscard]] bool is_stream() const override { return false; }
  [[nodiscard]] std::string_view media_type() const override { return "application/json"; }
  [[nodiscard]] std::int64_t output_tokens_wanted() const override { return 0; }
  [[nodiscard]] std::int64_t input_tokens_estimate() const override {
    return chat_.input_tokens_estimate();
  }
  [[nodiscard]] std::uint64_t prefix_hash() const override { return chat_.prefix_hash(); }
  [[nodiscard]] bool may_hedge() const override { return false; }
  [[nodiscard]] bool is_pinned() const override { return is_pinned_; }
  [[nodiscard]] bool is_beside_model() const override { return true; }
  [[nodiscard]] SealFate seal_fate(const Target& target) const override {
    return chat_.seal_fate(target);
  }
  bool drop_seals() override { return chat_.drop_seals(); }

 private:
  ChatOperation chat_;
  bool is_pinned_;
  std::string path_;  ///< of the target it was prepared for
};

}  // namespace weir::pipeline
