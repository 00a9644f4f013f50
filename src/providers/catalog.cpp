// SPDX-License-Identifier: Apache-2.0
#include "providers/catalog.hpp"

#include <algorithm>

#include "base/ascii.hpp"
#include "base/edit_distance.hpp"
#include "providers/capability_table.hpp"
#include "providers/catalog_provider.hpp"

namespace weir::providers {
namespace {

struct AliasRow {
  CatalogText provider;
  CatalogText alias;
  std::uint16_t model;
};

constexpr Capabilities bit(Capability capability) { return static_cast<Capabilities>(capability); }
consteval PriceList price_list(const std::array<std::int64_t, price_kind_count>& nano) {
  PriceList list;
  for (std::size_t i = 0; i < nano.size(); ++i) {
    if (const auto price = TokenPrice::from_nano_per_million(nano[i])) {
      list.set(static_cast<PriceKind>(i), *price);
    }
  }
  return list;
}

#include "catalog_models.inc"
#include "catalog_providers.inc"

// ---- finding --------------------------------------------------------------------------------

template <class Rows>
auto rows_of(const Rows& rows, std::string_view provider) {
  struct ByProvider {
    bool operator()(const typename Rows::value_type& row, std::string_view name) const {
      return row.provider.view() < name;
    }
    bool operator()(std::string_view name, const typename Rows::value_type& row) const {
      return name < row.provider.view();
    }
  };
  const auto [first, last] = std::equal_range(rows.begin(), rows.end(), provider, ByProvider{});
  return std::span(first, last);
}

FoundModel find_by_name(std::string_view provider, std::string_view id) noexcept {
  const auto listed = rows_of(catalog_models, provider);
  const auto model = std::lower_bound(
      listed.begin(), listed.end(), id,
      [](const Model& row, std::string_view wanted) { return row.id.view() < wanted; });
  if (model != listed.end() && model->id.view() == id) return {&*model, Match::exact};
  const auto aliases = rows_of(catalog_aliases, provider);
  const auto alias = std::lower_bound(
      aliases.begin(), aliases.end(), id,
      [](const AliasRow& row, std::string_view wanted) { return row.alias.view() < wanted; });
  if (alias != aliases.end() && alias->alias.view() == id) {
    return {&catalog_models[alias->model], Match::alias};
  }
  return {};
}

/// True when `text` has the shape of `pattern`, where 9 stands for any digit.
bool has_shape(std::string_view text, std::string_view pattern) {
  if (text.size() != pattern.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (pattern[i] == '9' ? !ascii::is_digit(text[i]) : text[i] != pattern[i]) return false;
  }
  return true;
}

/// `id` without a date of issue at its end; `id` itself when there is none.
std::string_view without_date(std::string_view id) {
  for (const std::string_view pattern : {"-9999-99-99", "-99999999", "@99999999"}) {
    if (id.size() > pattern.size() && has_shape(id.substr(id.size() - pattern.size()), pattern)) {
      return id.substr(0, id.size() - pattern.size());
    }
  }
  return id;
}

FoundModel find_by_name_or_date(std::string_view provider, std::string_view id) noexcept {
  if (const FoundModel found = find_by_name(provider, id)) return found;
  const std::string_view base = without_date(id);
  if (base.size() == id.size()) return {};
  const FoundModel found = find_by_name(provider, base);
  return {found.model, Match::dated};
}

/// True for names that end in a date or a month, as snapshots do: `-2407`, `-0125`.
bool ends_in_snapshot(std::string_view id) {
  constexpr std::string_view month = "-9999";
  return without_date(id).size() < id.size() ||
         (id.size() > month.size() && has_shape(id.substr(id.size() - month.size()), month));
}

/// Whether a colon at this provider sets apart what doesn't change the model: a size or
/// quantization at Ollama, the host behind Hugging Face's router. OpenRouter's suffixes change the
/// price (`:free`), so they don't inherit.
bool colon_is_a_variant(std::string_view provider) {
  return provider == "ollama" || provider == "huggingface";
}

}  // namespace

std::string_view catalog_date() noexcept { return as_of; }

std::string_view CatalogText::view() const noexcept { return catalog_pool.substr(offset_, size_); }

std::optional<Capability> parse_capability(std::string_view name) noexcept {
  for (const CapabilityName& row : capability_names) {
    if (row.name == name) return row.capability;
  }
  return std::nullopt;
}

std::string_view name(Tier tier) noexcept {
  switch (tier) {
    case Tier::none:
      return "";
    case Tier::reasoning:
      return "reasoning";
    case Tier::fast:
      return "fast";
    case Tier::local:
      return "local";
  }
  return "";
}

std::string_view name(Status status) noexcept {
  switch (status) {
    case Status::active:
      return "active";
    case Status::deprecated:
      return "deprecated";
    case Status::retired:
      return "retired";
    case Status::unlisted:
      return "unlisted";
  }
  return "";
}

std::span<const Model> models() noexcept { return catalog_models; }

std::span<const Model> models_of(std::string_view provider) noexcept {
  return rows_of(catalog_models, provider);
}

std::span<const PriceVariant> price_variants(const Model& model) noexcept {
  return std::span(catalog_variants)
      .subspan(model.variants_begin,
               static_cast<std::size_t>(model.variants_end - model.variants_begin));
}

std::vector<PeakHours> peak_hours_of(std::string_view provider) {
  std::vector<PeakHours> found;
  for (const CatalogPeakHours& row : catalog_peak_hours) {
    if (row.provider == provider) found.push_back(row.hours);
  }
  return found;
}

FoundModel find_model(std::string_view provider, std::string_view id) noexcept {
  if (const FoundModel found = find_by_name_or_date(provider, id)) return found;
  if (id.starts_with("ft:")) {
    const std::string_view rest = id.substr(3);
    const FoundModel base = find_by_name_or_date(provider, rest.substr(0, rest.find(':')));
    return {base.model, Match::fine_tuned};
  }
  const auto colon = id.find(':');
  if (colon == std::string_view::npos || !colon_is_a_variant(provider)) return {};
  return {find_by_name_or_date(provider, id.substr(0, colon)).model, Match::variant};
}

std::string_view wire_id(const FoundModel& found, std::string_view asked) noexcept {
  if (found.match != Match::alias) return found.match == Match::exact ? found.model->id : asked;
  const std::string_view id = found.model->id;
  // `vendor/name` for `name`: the provider doesn't know the short form, snapshot or not.
  const bool is_short_form = id.size() > asked.size() && id.ends_with(asked);
  const bool is_more_exact =
      asked.size() > id.size() && asked.starts_with(id) && asked[id.size()] == ':';
  if (is_short_form) return id;
  return is_more_exact || asked.ends_with("-latest") || ends_in_snapshot(asked) ? asked : id;
}

std::vector<FoundModel> providers_offering(std::string_view bare_id) {
  std::vector<FoundModel> offers;
  for (const ProviderSpec* spec : providers_in_order(false)) {
    if (const FoundModel found = find_model(spec->name, bare_id)) offers.push_back(found);
  }
  return offers;
}

std::vector<std::string> nearest_names(std::string_view id, std::size_t count_max) {
  NearestNames nearest(id, count_max);
  for (const Model& model : catalog_models) nearest.offer(model.id);
  for (const AliasRow& row : catalog_aliases) nearest.offer(row.alias);
  return std::move(nearest).take();
}

wire::ModelTraits traits_of(const Model& model) noexcept {
  return wire::ModelTraits{.takes_sampling = model.takes_sampling,
                           .reasons = has(model.capabilities, Capability::reasoning),
                           .takes_prefill = prefill_rule(model.provider, model.id) == Tri::yes,
                           .takes_json_schema = has(model.capabilities, Capability::json_schema),
                           .output_tokens_max = model.output_tokens_max};
}

std::string retirement_notice(const Model& model) {
  const bool is_over = model.status == Status::retired;
  if (!is_over && model.status != Status::deprecated) return {};
  std::string notice(model.id);
  notice.append(is_over ? " was retired" : " is deprecated");
  if (!model.retires.empty()) {
    notice.append(is_over ? " on " : " and ends on ").append(model.retires.view());
  }
  if (!model.replaced_by.empty()) {
    notice.append("; use ").append(model.replaced_by.view()).append(" instead");
  }
  return notice;
}

}  // namespace weir::providers
