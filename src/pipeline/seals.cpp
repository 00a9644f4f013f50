// SPDX-License-Identifier: Apache-2.0
#include "pipeline/seals.hpp"

#include "base/ascii.hpp"
#include "providers/provider_table.hpp"

namespace weir::pipeline {
namespace {

using wire::Vendor;

/// Of a model behind a dialect that many vendors' models speak.
Vendor vendor_by_name(std::string_view model) {
  const auto has = [model](std::string_view word) {
    return ascii::find_ignoring_case(model, word) != std::string_view::npos;
  };
  if (has("claude")) return Vendor::anthropic;
  if (has("gemini")) return Vendor::google;
  if (has("openai/") || has("gpt-5")) return Vendor::openai;
  return Vendor::unknown;
}

}  // namespace

wire::VendorSet seals_taken(const Target& target, wire::Dialect client) {
  switch (target.dialect) {
    case wire::Dialect::anthropic:
      return wire::set_of(Vendor::anthropic);
    case wire::Dialect::gemini:
      return wire::set_of(Vendor::google);
    case wire::Dialect::openai_responses:
      return wire::set_of(Vendor::openai);
    case wire::Dialect::ollama:
      return 0;
    case wire::Dialect::openai_chat:
      break;
  }
  const wire::Quirks quirks = target.upstream->quirks;
  const bool is_told =
      client == wire::Dialect::openai_chat || wire::has(quirks, wire::Quirk::replay_reasoning);
  if (!is_told) return 0;
  const Vendor vendor = vendor_by_name(target.model);
  if (vendor != Vendor::unknown) return wire::set_of(vendor);
  const std::string_view type = target.upstream->type;
  const bool has_many = type == "openrouter" || type == providers::custom_provider;
  return has_many ? wire::every_vendor : wire::VendorSet(0);
}

SealFate fate_of_seals(const wire::RequestPeek& request, const Target& target,
                       wire::Dialect client) {
  const wire::VendorSet newest = wire::set_of(request.last_seal);
  if (newest == 0) return SealFate::read;
  const wire::VendorSet taken = seals_taken(target, client);
  if (taken == wire::every_vendor) return SealFate::unknown;
  return (taken & newest) != 0 ? SealFate::read : SealFate::dropped;
}

}  // namespace weir::pipeline
