// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "pipeline/call.hpp"

namespace weir::pipeline {

/// The same model where it speaks the Responses dialect, if it does.
const Target& responses_variant(const Target& target);

/// The path of what lies behind the one for a target's chats: `rest` is `/resp_1/input_items` or
/// the like. `query` has no question mark, and may be empty.
std::string response_path(const Target& target, std::string_view rest, std::string_view query);

/// A question about an answer that a target of the Responses dialect keeps: to show, to remove, to
/// cancel it. Costs no tokens, whatever the answer says of those that were used.
class KeptResponseOperation final : public Operation {
 public:
  struct Ask {
    std::string method = "GET";
    /// Behind the path of the API: `/resp_1/input_items`.
    std::string path;
    std::string query;  ///< without the question mark; may be empty
    bool is_stream = false;
  };

  explicit KeptResponseOperation(Ask ask) : ask_(std::move(ask)) {}

  [[nodiscard]] std::optional<Lack> lacks(const Target& target) const override;
  [[nodiscard]] bool is_uncertain(const Target& /*target*/) const override { return false; }
  [[nodiscard]] const Target& variant_of(const Target& target) const override {
    return responses_variant(target);
  }
  Result<Outgoing> prepare(const Target& target) override;
  [[nodiscard]] std::unique_ptr<Relay> make_relay(const Target& target) const override;
  [[nodiscard]] bool is_stream() const override { return ask_.is_stream; }
  [[nodiscard]] std::string_view media_type() const override {
    return ask_.is_stream ? "text/event-stream" : "application/json";
  }
  [[nodiscard]] std::int64_t output_tokens_wanted() const override { return 0; }
  [[nodiscard]] std::int64_t input_tokens_estimate() const override { return 0; }
  [[nodiscard]] std::uint64_t prefix_hash() const override { return 0; }
  [[nodiscard]] bool may_hedge() const override { return false; }
  [[nodiscard]] bool is_pinned() const override { return true; }
  [[nodiscard]] bool is_beside_model() const override { return true; }

 private:
  Ask ask_;
  std::string whole_path_;  ///< of the target it was prepared for
};

}  // namespace weir::pipeline
