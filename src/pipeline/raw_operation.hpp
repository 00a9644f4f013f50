// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "pipeline/call.hpp"
#include "pipeline/kept_body.hpp"

namespace weir::pipeline {

/// A client's request for something of a provider's that the gateway knows nothing of.
struct RawAsk {
  std::string method;
  std::string rest;          ///< path and query behind the base URL
  std::string content_type;  ///< empty: there is no body
  KeptBody* body = nullptr;  ///< null: none; outlives the operation
  std::string text = {};     ///< a body that stands in memory
};

/// Says it to the provider as it is, and passes on whatever is answered. Host, credential and the
/// beginning of the path are the target's (I-10).
class RawOperation final : public Operation {
 public:
  explicit RawOperation(RawAsk ask) : ask_(std::move(ask)) {}

  [[nodiscard]] std::optional<Lack> lacks(const Target& /*target*/) const override {
    return std::nullopt;
  }
  [[nodiscard]] bool is_uncertain(const Target& /*target*/) const override { return false; }
  Result<Outgoing> prepare(const Target& target) override;
  [[nodiscard]] std::unique_ptr<Relay> make_relay(const Target& target) const override;
  [[nodiscard]] bool is_stream() const override { return false; }
  [[nodiscard]] std::string_view media_type() const override { return {}; }
  [[nodiscard]] bool passes_bytes(std::string_view /*media_type*/) const override { return true; }
  [[nodiscard]] bool may_answer_nothing() const override { return true; }
  [[nodiscard]] bool is_beside_model() const override { return true; }
  [[nodiscard]] std::int64_t output_tokens_wanted() const override { return 0; }
  [[nodiscard]] std::int64_t input_tokens_estimate() const override { return 0; }
  [[nodiscard]] std::uint64_t prefix_hash() const override { return 0; }

 private:
  RawAsk ask_;
  std::string path_;
};

}  // namespace weir::pipeline
