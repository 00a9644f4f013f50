// SPDX-License-Identifier: Apache-2.0
//
// Turns data/catalog.yaml into constexpr tables, at build time: parsing it at start would take 20
// ms and 10 MB. Everything is checked here, so that the program can rely on it: unknown keys,
// prices that are no exact decimals, names that occur twice, replacements that don't exist.
//
//   catalog_gen <catalog.yaml> <providers.inc> <models.inc>

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <exception>
#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "base/money.hpp"
#include "providers/price_list.hpp"

namespace {

[[noreturn]] void fail(const YAML::Node& node, const std::string& why) {
  throw std::runtime_error("line " + std::to_string(node.Mark().line + 1) + ": " + why);
}

void check_keys(const YAML::Node& map, const std::set<std::string, std::less<>>& known) {
  std::set<std::string> seen;
  for (const auto& entry : map) {
    const auto key = entry.first.as<std::string>();
    if (!known.contains(key)) fail(entry.first, "unknown key '" + key + "'");
    if (!seen.insert(key).second) fail(entry.first, "key '" + key + "' is there twice");
  }
}

std::string text_of(const YAML::Node& map, const char* key) {
  const YAML::Node node = map[key];
  return node && !node.IsNull() ? node.as<std::string>() : std::string();
}

std::int64_t integer_of(const YAML::Node& map, const char* key) {
  const YAML::Node node = map[key];
  return node && !node.IsNull() ? node.as<std::int64_t>() : 0;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out + '"';
}

/// The enumerator for a word of the catalog; `rows` are pairs of word and enumerator.
std::string enumerator(const YAML::Node& map, const char* key,
                       const std::map<std::string, std::string>& rows) {
  const auto found = rows.find(text_of(map, key));
  if (found == rows.end()) {
    fail(map, std::string(key) + ": unknown value '" + text_of(map, key) + "'");
  }
  return found->second;
}

// ---- providers ------------------------------------------------------------------------------

std::string names(const YAML::Node& list) {
  std::string out = "Names{";
  for (const auto& item : list) {
    if (out.back() != '{') out += ", ";
    out += quoted(item.as<std::string>());
  }
  return out + "}";
}

const std::set<std::string, std::less<>> limit_keys{"basis",
                                                    "card",
                                                    "published",
                                                    "reset",
                                                    "rps",
                                                    "rpm",
                                                    "rpd",
                                                    "tpm",
                                                    "tph",
                                                    "tpd",
                                                    "itpm",
                                                    "otpm",
                                                    "uncached_itpm",
                                                    "requests_per_month",
                                                    "tokens_per_month",
                                                    "embed_inputs_per_minute",
                                                    "concurrency",
                                                    "credit_usd",
                                                    "credit_usd_per_month",
                                                    "per"};

/// What one set of the figures is counted for.
std::string counted_per(const YAML::Node& limits) {
  return enumerator(
      limits, "per",
      {{"", "account"}, {"account", "account"}, {"model", "model"}, {"family", "family"}});
}

/// Whose midnight begins a day of the limits.
std::string zone_of_reset(const YAML::Node& limits) {
  return enumerator(limits, "reset", {{"", ""}, {"midnight Pacific", "America/Los_Angeles"}});
}

std::string plan_limits(const YAML::Node& limits) {
  if (!limits || limits.IsNull()) return "PlanLimits{}";
  check_keys(limits, limit_keys);
  const std::int64_t per_second = integer_of(limits, "rps");
  const std::int64_t per_minute = per_second > 0 ? per_second * 60 : integer_of(limits, "rpm");
  std::ostringstream out;
  out << "PlanLimits{.basis = " << quoted(text_of(limits, "basis"))
      << ", .requests_per_minute = " << per_minute
      << ", .requests_per_day = " << integer_of(limits, "rpd")
      << ", .tokens_per_minute = " << integer_of(limits, "tpm")
      << ", .tokens_per_day = " << integer_of(limits, "tpd")
      << ", .input_tokens_per_minute = " << integer_of(limits, "itpm")
      << ", .output_tokens_per_minute = " << integer_of(limits, "otpm")
      << ", .concurrency = " << integer_of(limits, "concurrency")
      << ", .requests_per_month = " << integer_of(limits, "requests_per_month")
      << ", .tokens_per_month = " << integer_of(limits, "tokens_per_month")
      << ", .tokens_per_hour = " << integer_of(limits, "tph")
      << ", .requests_per_second = " << per_second
      << ", .time_zone = " << quoted(zone_of_reset(limits))
      << ", .per = PlanUnit::" << counted_per(limits) << "}";
  return out.str();
}

std::string dialect(const YAML::Node& provider) {
  if (text_of(provider, "api") == "responses") return "openai_responses";
  return enumerator(provider, "dialect",
                    {{"openai", "openai_chat"},
                     {"anthropic", "anthropic"},
                     {"gemini", "gemini"},
                     {"ollama", "ollama"}});
}

std::string auth(const YAML::Node& provider) {
  const bool is_local = provider["local"].as<bool>();
  return enumerator(provider, "auth",
                    {{"bearer", "bearer"},
                     {"x-api-key", "x_api_key"},
                     {"api-key", "api_key"},
                     {"x-goog-api-key", "x_goog_api_key"},
                     // Local servers ask for a key only when one was set up.
                     {"none", is_local ? "optional_bearer" : "none"}});
}

std::string fixed_header(const YAML::Node& provider) {
  const YAML::Node headers = provider["headers"];
  if (!headers) return "FixedHeader{}";
  if (headers.size() != 1) fail(headers, "a provider can have one fixed header");
  const auto& entry = *headers.begin();
  return "FixedHeader{" + quoted(entry.first.as<std::string>()) + ", " +
         quoted(entry.second.as<std::string>()) + "}";
}

void write_provider(std::ostream& out, const YAML::Node& provider) {
  check_keys(provider, {"id",          "name",           "base_url",        "chat_path",
                        "stream_path", "responses_path", "dialect",         "api",
                        "auth",        "headers",        "key_env",         "url_env",
                        "local",       "batch_discount", "limit_headers",   "free",
                        "limits",      "free_by_model",  "limits_by_model", "peak_hours_utc",
                        "notes"});
  const auto limit_headers = enumerator(provider, "limit_headers",
                                        {{"", "none"},
                                         {"x-ratelimit", "x_ratelimit"},
                                         {"x-ratelimit-day", "x_ratelimit_day"},
                                         {"anthropic-ratelimit", "anthropic_ratelimit"}});
  const bool has_free_tier = provider["free"] && !provider["free"].IsNull();
  out << "    CatalogProvider{" << quoted(text_of(provider, "id")) << ", "
      << quoted(text_of(provider, "name")) << ", " << quoted(text_of(provider, "base_url")) << ", "
      << quoted(text_of(provider, "chat_path")) << ", " << quoted(text_of(provider, "stream_path"))
      << ", " << quoted(text_of(provider, "responses_path"))
      << ", wire::Dialect::" << dialect(provider) << ", Auth::" << auth(provider) << ", "
      << fixed_header(provider) << ", " << names(provider["key_env"]) << ", "
      << names(provider["url_env"]) << ", " << (provider["local"].as<bool>() ? "true" : "false")
      << ", " << (has_free_tier ? "true" : "false") << ", LimitHeaders::" << limit_headers << ", "
      << plan_limits(provider["free"]) << ", " << plan_limits(provider["limits"]) << "},\n";
}

int minute_of_day(const YAML::Node& node) {
  const auto text = node.as<std::string>();
  if (text.size() != 5 || text[2] != ':') fail(node, "a time of day is written HH:MM");
  return std::stoi(text.substr(0, 2)) * 60 + std::stoi(text.substr(3));
}

void write_peak_hours(std::ostream& out, const YAML::Node& providers) {
  const std::array<std::string, 7> days{"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
  const auto weekday = [&](const YAML::Node& node, const std::string& name) {
    const auto found = std::find(days.begin(), days.end(), name);
    if (found == days.end()) fail(node, "unknown day '" + name + "'");
    return found - days.begin() + 1;
  };
  out << "inline constexpr auto catalog_peak_hours = std::to_array<CatalogPeakHours>({\n";
  for (const auto& provider : providers) {
    for (const auto& stretch : provider["peak_hours_utc"]) {
      const auto range = stretch["days"].as<std::string>();
      out << "    {" << quoted(text_of(provider, "id")) << ", {"
          << weekday(stretch, range.substr(0, 3)) << ", "
          << weekday(stretch, range.substr(range.size() - 3)) << ", "
          << minute_of_day(stretch["from"]) << ", " << minute_of_day(stretch["to"]) << "}},\n";
    }
  }
  out << "});\n";
}

void write_model_limits(std::ostream& out, const YAML::Node& providers) {
  out << "inline constexpr auto catalog_model_limits = std::to_array<ModelLimits>({\n";
  for (const auto& provider : providers) {
    for (const bool is_free : {true, false}) {
      for (const auto& row : provider[is_free ? "free_by_model" : "limits_by_model"]) {
        out << "    {" << quoted(text_of(provider, "id")) << ", " << (is_free ? "true" : "false")
            << ", " << quoted(row.first.as<std::string>()) << ", " << plan_limits(row.second)
            << "},\n";
      }
    }
  }
  out << "});\n\n";
}

void write_providers(std::ostream& out, const YAML::Node& providers) {
  out << "inline constexpr auto catalog_providers = std::to_array<CatalogProvider>({\n";
  for (const auto& provider : providers) write_provider(out, provider);
  out << "});\n\n";
  write_model_limits(out, providers);
  write_peak_hours(out, providers);
}

// ---- models ---------------------------------------------------------------------------------

/// All texts of the models in one literal; a row holds offsets, so that it needs no relocation.
class Pool {
 public:
  std::string ref(const std::string& text) {
    if (text.empty()) return "{}";
    const auto [place, is_new] = offsets_.try_emplace(text, text_.size());
    if (is_new) text_ += text;
    return "{" + std::to_string(place->second) + ", " + std::to_string(text.size()) + "}";
  }

  void write(std::ostream& out) const {
    constexpr std::size_t line_bytes = 80;
    out << "constexpr std::string_view catalog_pool =";
    for (std::size_t at = 0; at < text_.size(); at += line_bytes) {
      out << "\n    " << quoted(std::string_view(text_).substr(at, line_bytes));
    }
    out << ";\n\n";
  }

 private:
  std::string text_;
  std::map<std::string, std::size_t> offsets_;
};

using Prices = std::array<std::int64_t, weir::providers::price_kind_count>;

Prices read_prices(const YAML::Node& map) {
  Prices prices;
  prices.fill(-1);
  for (std::size_t i = 0; i < prices.size(); ++i) {
    const auto kind = static_cast<weir::providers::PriceKind>(i);
    const std::string key(weir::providers::row_of(kind).name);
    const YAML::Node node = map[key];
    if (!node || node.IsNull()) continue;
    const auto price = weir::providers::parse_price(kind, node.as<std::string>());
    if (!price) fail(node, key + " is no exact price");
    prices[i] = price->nano_per_million();
  }
  return prices;
}

/// Fills in the batch prices of a model that lists none from what its provider takes off.
void discount(Prices& prices, const YAML::Node& discount) {
  using weir::providers::PriceKind;
  if (!discount || discount.IsNull()) return;
  const auto share = weir::parse_usd(discount.as<std::string>());
  if (!share) fail(discount, "the discount is no exact share");
  const auto derive = [&](PriceKind listed, PriceKind batch) {
    const std::int64_t nano = prices[static_cast<std::size_t>(listed)];
    std::int64_t& derived = prices[static_cast<std::size_t>(batch)];
    const weir::Int128 product = weir::Int128{nano} * (1'000'000'000 - share->count());
    if (nano < 0 || derived >= 0) return;
    if (product % 1'000'000'000 != 0) fail(discount, "gives no exact price");
    derived = static_cast<std::int64_t>(product / 1'000'000'000);
  };
  derive(PriceKind::input, PriceKind::batch_input);
  derive(PriceKind::output, PriceKind::batch_output);
}

std::string written(const Prices& prices) {
  std::string out = "price_list({";
  for (const std::int64_t nano : prices) {
    if (out.back() != '{') out += ", ";
    out += std::to_string(nano);
  }
  return out + "})";
}

std::string prices(const YAML::Node& map) { return written(read_prices(map)); }

/// Days since 1970-01-01 of an ISO date.
int days_since_epoch(const YAML::Node& node) {
  int year = 0;
  int month = 0;
  int day = 0;
  char dash = 0;
  std::istringstream(node.as<std::string>()) >> year >> dash >> month >> dash >> day;
  // Counting from March makes the leap day the last of the year.
  const int shifted_year = month <= 2 ? year - 1 : year;
  const int day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return shifted_year * 365 + shifted_year / 4 - shifted_year / 100 + shifted_year / 400 +
         day_of_year - 719'468;
}

std::vector<std::string> price_variants(const YAML::Node& model) {
  std::vector<std::string> rows;
  // In the order in which they are laid over each other.
  if (const YAML::Node change = model["price_change"]) {
    rows.push_back("{PriceVariant::When::from_date, 0, " +
                   std::to_string(days_since_epoch(change["from"])) + ", " + prices(change) + "}");
  }
  if (const YAML::Node off_peak = model["off_peak"]) {
    rows.push_back("{PriceVariant::When::off_peak, 0, 0, " + prices(off_peak) + "}");
  }
  if (const YAML::Node longer = model["long_context"]) {
    rows.push_back("{PriceVariant::When::long_context, " +
                   std::to_string(longer["above"].as<std::int64_t>()) + ", 0, " + prices(longer) +
                   "}");
  }
  return rows;
}

std::string capabilities(const YAML::Node& model) {
  const std::set<std::string> known{"chat",      "streaming",  "tools",       "parallel_tools",
                                    "vision",    "audio",      "json_mode",   "json_schema",
                                    "reasoning", "embeddings", "prompt_cache"};
  std::string out;
  for (const auto& item : model["capabilities"]) {
    const auto name = item.as<std::string>();
    if (!known.contains(name)) fail(item, "unknown capability '" + name + "'");
    if (!out.empty()) out += " | ";
    out += "bit(Capability::" + name + ")";
  }
  return out.empty() ? "0" : out;
}

std::string flag(bool value) { return value ? "true" : "false"; }

std::string model_row(const YAML::Node& model, const YAML::Node& batch_discount, Pool& pool,
                      std::size_t variants_begin, std::size_t variants_end) {
  Prices listed = read_prices(model);
  discount(listed, batch_discount);
  const YAML::Node sampling = model["sampling"];
  const YAML::Node varies = model["price_varies"];
  std::ostringstream out;
  out << "{" << pool.ref(text_of(model, "id")) << ", " << pool.ref(text_of(model, "provider"))
      << ", " << written(listed) << ", " << integer_of(model, "context") << ", "
      << integer_of(model, "max_output") << ", " << integer_of(model, "dimensions") << ", "
      << capabilities(model) << ", Tier::"
      << enumerator(
             model, "tier",
             {{"", "none"}, {"reasoning", "reasoning"}, {"fast", "fast"}, {"local", "local"}})
      << ", Status::"
      << enumerator(model, "status",
                    {{"active", "active"},
                     {"deprecated", "deprecated"},
                     {"retired", "retired"},
                     {"unlisted", "unlisted"}})
      << ", ChatTools::"
      << enumerator(model, "chat_tools",
                    {{"", "yes"}, {"never", "never"}, {"reasoning_off", "reasoning_off"}})
      << ", " << enumerator(model, "api", {{"", "false"}, {"responses", "true"}}) << ", "
      << flag(!sampling || sampling.as<bool>()) << ", " << flag(varies && varies.as<bool>()) << ", "
      << integer_of(model, "confirmed") << ", " << pool.ref(text_of(model, "retires")) << ", "
      << pool.ref(text_of(model, "replaced_by")) << ", " << pool.ref(text_of(model, "note")) << ", "
      << variants_begin << ", " << variants_end << "}";
  return out.str();
}

struct Alias {
  std::string provider;
  std::string name;
  std::size_t model;
  bool operator<(const Alias& other) const {
    return std::tie(provider, name) < std::tie(other.provider, other.name);
  }
};

struct ModelNames {
  std::vector<YAML::Node> models;  ///< sorted by provider, then id
  std::vector<Alias> aliases;      ///< sorted by provider, then name
};

ModelNames sort_and_check(const YAML::Node& list, const std::set<std::string>& providers) {
  const auto key = [](const YAML::Node& model) {
    return std::pair(text_of(model, "provider"), text_of(model, "id"));
  };
  // Assigning one YAML::Node to another changes what it refers to, so nodes can't be sorted in
  // place.
  std::map<std::pair<std::string, std::string>, YAML::Node> by_name;
  std::set<std::pair<std::string, std::string>> ids;
  for (const auto& model : list) {
    if (!providers.contains(key(model).first)) fail(model, "unknown provider");
    if (!ids.insert(key(model)).second) fail(model, "this id is there twice");
    by_name.emplace(key(model), model);
  }
  ModelNames sorted;
  for (const auto& [name, model] : by_name) sorted.models.push_back(model);

  auto taken = ids;
  for (std::size_t i = 0; i < sorted.models.size(); ++i) {
    const auto& model = sorted.models[i];
    const auto replacement = text_of(model, "replaced_by");
    if (!replacement.empty() && !ids.contains({key(model).first, replacement})) {
      fail(model, "replaced_by names no model of the provider: " + replacement);
    }
    for (const auto& alias : model["aliases"]) {
      const auto name = alias.as<std::string>();
      if (!taken.insert({key(model).first, name}).second) {
        fail(alias, "the alias '" + name + "' is taken");
      }
      sorted.aliases.push_back({key(model).first, name, i});
    }
  }
  std::sort(sorted.aliases.begin(), sorted.aliases.end());
  return sorted;
}

void write_models(std::ostream& out, const YAML::Node& root) {
  std::set<std::string> providers;
  std::map<std::string, YAML::Node, std::less<>> discounts;
  for (const auto& provider : root["providers"]) {
    providers.insert(text_of(provider, "id"));
    discounts.emplace(text_of(provider, "id"), provider["batch_discount"]);
  }
  const ModelNames sorted = sort_and_check(root["models"], providers);

  Pool pool;
  std::ostringstream rows;
  std::ostringstream variants;
  std::size_t variant_count = 0;
  for (const auto& model : sorted.models) {
    check_keys(model, {"id",           "provider",           "input",          "output",
                       "cache_read",   "cache_write",        "cache_write_1h", "batch_input",
                       "batch_output", "audio_input",        "long_context",   "off_peak",
                       "price_change", "price_varies",       "context",        "max_output",
                       "dimensions",   "capabilities",       "tier",           "status",
                       "retires",      "retires_not_before", "replaced_by",    "api",
                       "chat_tools",   "sampling",           "aliases",        "confirmed",
                       "note"});
    const auto begin = variant_count;
    for (const auto& variant : price_variants(model)) {
      variants << "    " << variant << ",\n";
      ++variant_count;
    }
    const YAML::Node& batch_discount = discounts.at(text_of(model, "provider"));
    rows << "    " << model_row(model, batch_discount, pool, begin, variant_count) << ",\n";
  }
  std::ostringstream aliases;
  for (const auto& alias : sorted.aliases) {
    aliases << "    {" << pool.ref(alias.provider) << ", " << pool.ref(alias.name) << ", "
            << alias.model << "},\n";
  }

  out << "constexpr std::string_view as_of = " << quoted(text_of(root, "as_of")) << ";\n\n";
  pool.write(out);
  out << "constexpr auto catalog_models = std::to_array<Model>({\n"
      << rows.str() << "});\n\n"
      << "constexpr auto catalog_variants = std::to_array<PriceVariant>({\n"
      << variants.str() << "});\n\n"
      << "constexpr auto catalog_aliases = std::to_array<AliasRow>({\n"
      << aliases.str() << "});\n";
}

void write_file(const char* path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << "// Made from data/catalog.yaml by catalog_gen; don't edit.\n\n" << text;
  file.close();
  if (!file) throw std::runtime_error(std::string("cannot write ") + path);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: catalog_gen <catalog.yaml> <providers.inc> <models.inc>\n";
    return 2;
  }
  try {
    const YAML::Node root = YAML::LoadFile(argv[1]);
    check_keys(root, {"schema_version", "as_of", "newest_source", "currency", "price_unit",
                      "providers", "models"});
    if (integer_of(root, "schema_version") != 1) fail(root, "unknown schema_version");
    std::ostringstream providers;
    write_providers(providers, root["providers"]);
    std::ostringstream models;
    write_models(models, root);
    write_file(argv[2], providers.str());
    write_file(argv[3], models.str());
  } catch (const std::exception& error) {
    std::cerr << argv[1] << ": " << error.what() << '\n';
    return 1;
  }
  return 0;
}
