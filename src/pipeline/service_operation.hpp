// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "json/document.hpp"
#include "pipeline/call.hpp"
#include "pipeline/kept_body.hpp"
#include "providers/services.hpp"
#include "wire/multipart.hpp"
#include "wire/openai/services.hpp"

namespace weir::pipeline {

/// A form as it came in: its outline, and the bytes. What it points to outlives its users.
struct Form {
  std::string_view boundary;
  const std::vector<wire::FormPart>& parts;
  KeptBody& body;
  /// What stands in the place of parts' values, by their number.
  std::map<std::size_t, std::string> replaced = {};
};

/// Pictures, sound, moderation, reranking: the client's own request goes to each target with only
/// the model's name changed, and the answer comes back as it is, whatever it is made of.
class ServiceOperation final : public Operation {
 public:
  /// A JSON request. `root` outlives the operation. Errors: `invalid_request`.
  static Result<std::unique_ptr<ServiceOperation>> make(providers::Service service,
                                                        json::Value root);
  /// A form. Errors: `invalid_request`.
  static Result<std::unique_ptr<ServiceOperation>> make(providers::Service service,
                                                        const Form& form);

  /// Empty where the client named none.
  [[nodiscard]] const std::string& model() const { return peek_.model; }

  [[nodiscard]] std::optional<Lack> lacks(const Target& target) const override;
  [[nodiscard]] bool is_uncertain(const Target& target) const override;
  [[nodiscard]] std::optional<OwnPath> own_path(const Target&) const override {
    return own_path_of(service_);
  }
  [[nodiscard]] std::string field_asking_for(Wish) const override { return "model"; }
  Result<Outgoing> prepare(const Target& target) override;
  [[nodiscard]] std::unique_ptr<Relay> make_relay(const Target& target) const override;
  [[nodiscard]] bool is_stream() const override { return peek_.stream; }
  [[nodiscard]] std::string_view media_type() const override;
  [[nodiscard]] bool passes_bytes(std::string_view media_type) const override;
  [[nodiscard]] std::int64_t output_tokens_wanted() const override { return 0; }
  [[nodiscard]] std::int64_t input_tokens_estimate() const override;
  [[nodiscard]] std::uint64_t prefix_hash() const override { return 0; }

 private:
  ServiceOperation(providers::Service service, wire::openai::ServicePeek peek)
      : service_(service), peek_(std::move(peek)) {}
  [[nodiscard]] const std::string& path_of(const Target& target) const;
  [[nodiscard]] std::unique_ptr<net::BodySource> compose(const Form& form,
                                                         std::string_view model) const;

  providers::Service service_;
  wire::openai::ServicePeek peek_;
  std::optional<json::Value> root_;
  std::optional<Form> form_;
};

}  // namespace weir::pipeline
