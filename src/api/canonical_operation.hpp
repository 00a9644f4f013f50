// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
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
  /// `form` and `request_id` outlive the operation.
  CanonicalOperation(wire::ChatRequest request, bool is_stream, const ValueForm& form,
                     std::string_view request_id);

  /// Targets that were asked, in order, each once.
  [[nodiscard]] const std::vector<std::string>& tried() const { return tried_; }

  [[nodiscard]] std::optional<pipeline::Lack> lacks(const pipeline::Target& target) const override;
  [[nodiscard]] bool is_uncertain(const pipeline::Target& target) const override;
  [[nodiscard]] const pipeline::Target& variant_of(const pipeline::Target& target) const override;
  Result<pipeline::Outgoing> prepare(const pipeline::Target& target) override;
  Result<pipeline::Outgoing> prepare_prefilled(const pipeline::Target& target,
                                               const pipeline::StreamSoFar& begun) override;
  [[nodiscard]] std::unique_ptr<pipeline::Relay> make_relay(
      const pipeline::Target& target) const override;
  [[nodiscard]] bool is_stream() const override { return request_.stream; }
  [[nodiscard]] bool is_joinable() const override;
  [[nodiscard]] std::string_view media_type() const override { return {}; }
  [[nodiscard]] std::int64_t output_tokens_wanted() const override {
    return request_.output_tokens_max.value_or(0);
  }
  [[nodiscard]] std::int64_t input_tokens_estimate() const override;
  [[nodiscard]] std::uint64_t prefix_hash() const override;
  void hold_answers_to(const guard::Rules& rules) override { rules_ = &rules; }
  [[nodiscard]] pipeline::SealFate seal_fate(const pipeline::Target& target) const override {
    return pipeline::fate_of_seals(peek_, target, request_.origin);
  }
  bool drop_seals() override;
  [[nodiscard]] bool may_limit_output() const override { return true; }
  void limit_output(std::int64_t tokens) override { output_limit_ = tokens; }

 private:
  [[nodiscard]] Result<wire::ChatRequest> request_for(const pipeline::Target& target) const;
  Result<pipeline::Outgoing> encode(const wire::ChatRequest& request,
                                    const pipeline::Target& target);
  [[nodiscard]] bool loses_seals(const pipeline::Target& target) const;
  /// Vendors whose seals go to `target`.
  [[nodiscard]] wire::VendorSet seals_kept(const pipeline::Target& target) const;

  wire::ChatRequest request_;
  wire::RequestPeek peek_;
  const ValueForm& form_;
  std::string_view request_id_;
  std::vector<std::string> tried_;
  bool has_dropped_seals_ = false;
  std::int64_t output_limit_ = 0;
  const guard::Rules* rules_ = nullptr;  ///< that answers are held to; null: none
};

/// What policy needs to know of a request.
wire::RequestPeek peek_of(const wire::ChatRequest& request);

}  // namespace weir::api
