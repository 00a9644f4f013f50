// SPDX-License-Identifier: Apache-2.0
//
// The documentation's page about providers, from the table the program runs from.

#include <vector>

#include "base/money.hpp"
#include "providers/catalog.hpp"
#include "providers/provider_table.hpp"

namespace weir::providers {
namespace {

std::string code(std::string_view text) {
  return text.empty() ? "" : "`" + std::string(text) + "`";
}

std::string code_list(const Names& names) {
  std::string out;
  for (const std::string_view name : names) {
    if (!out.empty()) out += ", ";
    out += code(name);
  }
  return out;
}

void append_overview(std::string& out, const std::vector<const ProviderSpec*>& specs) {
  out +=
      "| `type` | Provider | Speaks | Base URL | Key | Base URL from | Free tier |\n"
      "|---|---|---|---|---|---|---|\n";
  for (const ProviderSpec* spec : specs) {
    out.append("| ").append(code(spec->name));
    out.append(" | ").append(spec->display_name);
    out.append(" | ").append(wire::name(spec->dialect));
    out.append(" | ").append(code(spec->base_url));
    out.append(" | ").append(code_list(spec->key_env));
    out.append(" | ").append(code_list(spec->url_env));
    out.append(" | ").append(spec->is_local ? "local" : spec->has_free_tier ? "yes" : "");
    out.append(" |\n");
  }
}

/// Which providers have what the chat table does not tell.
void append_services(std::string& out, const std::vector<const ProviderSpec*>& specs) {
  out += "\n## Beside text\n\n| Service | Path | `type` |\n|---|---|---|\n";
  for (std::size_t i = 0; i < service_count; ++i) {
    const auto service = static_cast<Service>(i);
    std::string types;
    for (const ProviderSpec* spec : specs) {
      if (!spec->services.has(service)) continue;
      if (!types.empty()) types += ", ";
      types += code(spec->name);
    }
    out.append("| ").append(name(service)).append(" | ");
    out.append(code("/v1" + std::string(path_of(service)))).append(" | ");
    out.append(types).append(" |\n");
  }
}

std::string price_text(const PriceList& prices, PriceKind kind) {
  const auto price = prices.stated(kind);
  return price ? to_usd_text(NanoUsd(price->nano_per_million())) : "";
}

void append_models(std::string& out, const ProviderSpec& spec) {
  const auto listed = models_of(spec.name);
  if (listed.empty()) return;
  out.append("\n## ").append(spec.display_name).append("\n\n");
  out +=
      "| Model | Input | Output | Cached input | Context | Output limit | Status |\n"
      "|---|---|---|---|---|---|---|\n";
  for (const Model& model : listed) {
    const auto number = [](std::uint32_t n) { return n == 0 ? "" : std::to_string(n); };
    const std::string notice = retirement_notice(model);
    out.append("| ").append(code(model.id));
    out.append(" | ").append(price_text(model.prices, PriceKind::input));
    out.append(" | ").append(price_text(model.prices, PriceKind::output));
    out.append(" | ").append(price_text(model.prices, PriceKind::cache_read));
    out.append(" | ").append(number(model.context_tokens));
    out.append(" | ").append(number(model.output_tokens_max));
    out.append(" | ").append(notice.empty() ? std::string(name(model.status)) : notice);
    out.append(" |\n");
  }
}

}  // namespace

std::string providers_markdown() {
  const auto specs = providers_in_order(false);
  std::string out =
      "# Providers and models\n\n"
      "Made from the program's own tables by `weir docs`; don't edit. Providers stand in the "
      "default failover order. Prices are US dollars per million tokens";
  out.append(" as of ").append(catalog_date()).append(".\n\n");
  append_overview(out, specs);
  append_services(out, specs);
  for (const ProviderSpec* spec : specs) append_models(out, *spec);
  return out;
}

}  // namespace weir::providers
