// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/answer.hpp"
#include "pipeline/call.hpp"
#include "wire/passthrough.hpp"

namespace weir::api {

/// A chat asked by a program that links the library: no text of a client's dialect on this side,
/// only values.
class CanonicalOperation final : public pipeline::Operation {
 public:
  /// `answer` and `request_id` outlive the operation.
  CanonicalOperation(wire::ChatRequest request, bool is_stream, Answer& answer,
                     std::string_view request_id);

  /// Targets that were asked, in order, each once.
  [[nodiscard]] const std::vector<std::string>& tried() const { return tried_; }

  [[nodiscard]] std::optional<std::string> lacks(const pipeline::Target& target) const override;
  [[nodiscard]] bool is_uncertain(const pipeline::Target& target) const override;
  [[nodiscard]] const pipeline::Target& variant_of(const pipeline::Target& target) const override;
  Result<pipeline::Outgoing> prepare(const pipeline::Target& target) override;
  [[nodiscard]] std::unique_ptr<pipeline::Relay> make_relay(
      const pipeline::Target& target) const override;
  [[nodiscard]] bool is_stream() const override { return request_.stream; }
  [[nodiscard]] std::string_view media_type() const override { return {}; }
  [[nodiscard]] std::int64_t output_tokens_wanted() const override {
    return request_.output_tokens_max.value_or(0);
  }
  [[nodiscard]] std::int64_t input_tokens_estimate() const override;
  [[nodiscard]] std::uint64_t prefix_hash() const override;
  void hold_answers_to(const guard::Rules& rules) override { rules_ = &rules; }
  /// There is one `Answer`, which every attempt writes to.
  [[nodiscard]] bool may_hedge() const override { return false; }
  [[nodiscard]] pipeline::SealFate seal_fate(const pipeline::Target& target) const override {
    return pipeline::fate_of_seals(peek_, target, request_.origin);
  }
  bool drop_seals() override;

 private:
  /// Vendors whose seals go to `target`.
  [[nodiscard]] wire::VendorSet seals_kept(const pipeline::Target& target) const;

  wire::ChatRequest request_;
  wire::RequestPeek peek_;
  Answer& answer_;
  ValueForm form_;
  std::string_view request_id_;
  std::vector<std::string> tried_;
  bool has_dropped_seals_ = false;
  const guard::Rules* rules_ = nullptr;  ///< that answers are held to; null: none
};

/// What policy needs to know of a request.
wire::RequestPeek peek_of(const wire::ChatRequest& request);

}  // namespace weir::api
