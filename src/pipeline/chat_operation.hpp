// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "json/document.hpp"
#include "pipeline/call.hpp"
#include "wire/passthrough.hpp"

namespace weir::pipeline {

/// A chat, from a client of any dialect to a target of any dialect.
///
/// Within one dialect the client's own text goes out, patched where it must change; across dialects
/// it is decoded once and encoded for each target.
class ChatOperation final : public Operation {
 public:
  /// `root` and the text behind it outlive the operation.
  ChatOperation(wire::Dialect client, json::Value root, wire::RequestPeek peek,
                std::string_view request_id, std::int64_t unix_seconds);

  [[nodiscard]] std::optional<std::string> lacks(const Target& target) const override;
  [[nodiscard]] bool is_uncertain(const Target& target) const override;
  [[nodiscard]] const Target& variant_of(const Target& target) const override;
  Result<Outgoing> prepare(const Target& target) override;
  [[nodiscard]] std::unique_ptr<Relay> make_relay(const Target& target) const override;
  [[nodiscard]] bool is_stream() const override { return peek_.stream; }
  [[nodiscard]] std::string_view media_type() const override;
  [[nodiscard]] std::int64_t output_tokens_wanted() const override {
    return peek_.output_tokens_max.value_or(0);
  }
  [[nodiscard]] std::int64_t input_tokens_estimate() const override;
  [[nodiscard]] std::uint64_t prefix_hash() const override;

 private:
  [[nodiscard]] bool passes_through(const Target& target) const;
  [[nodiscard]] bool needs_rewriting(const Target& target) const;
  Result<Outgoing> pass_through(const Target& target);
  Result<Outgoing> translate(const Target& target);

  wire::Dialect client_;
  json::Value root_;
  wire::RequestPeek peek_;
  std::string_view request_id_;
  std::int64_t unix_seconds_;
  std::optional<wire::ChatRequest> decoded_;
};

/// `root`, an object, as text with those of `params` added that it lacks.
std::string with_params(json::Value root,
                        const std::vector<std::pair<std::string, std::string>>& params);

}  // namespace weir::pipeline
