// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "config/config.hpp"
#include "config/values.hpp"

/// The tables of all settings. The loader, the check for unknown keys, the environment's overrides,
/// `explain` and the reference page all run from them; a setting exists by being a row here.
namespace weir::config {

/// One setting of a section, which is a struct of the configuration.
template <class Section>
struct Field {
  std::string_view path;  ///< below its section, dots between the keys
  std::string_view type;
  std::string_view doc;
  Range range;
  bool is_list = false;
  bool is_secret = false;
  /// Reads the value from one text, or from any number where `is_list`.
  Mismatch (*read)(Section&, std::span<const std::string>, Range) = nullptr;
  /// The value as text; empty when it is not set.
  std::string (*show)(const Section&) = nullptr;
};

namespace field_details {

template <class Class, class Type>
Class class_of(Type Class::*);

template <auto First, auto... Rest, class Object>
constexpr auto& member(Object& object) {
  if constexpr (sizeof...(Rest) == 0) {
    return object.*First;
  } else {
    return member<Rest...>(object.*First);
  }
}

template <class T>
struct Shape {
  using Item = T;
  static constexpr bool is_list = false;
  static Mismatch read(std::span<const std::string> texts, T& out, Range range) {
    if (texts.size() != 1) return "a single value";
    return read_value(texts.front(), out, range);
  }
  static std::string show(const T& value) { return show_value(value); }
};

template <class T>
struct Shape<std::optional<T>> {
  using Item = T;
  static constexpr bool is_list = false;
  static Mismatch read(std::span<const std::string> texts, std::optional<T>& out, Range range) {
    T value{};
    Mismatch mismatch = Shape<T>::read(texts, value, range);
    if (!mismatch) out = std::move(value);
    return mismatch;
  }
  static std::string show(const std::optional<T>& value) {
    return value ? show_value(*value) : std::string();
  }
};

template <class T>
struct Shape<std::vector<T>> {
  using Item = T;
  static constexpr bool is_list = true;
  static Mismatch read(std::span<const std::string> texts, std::vector<T>& out, Range range) {
    std::vector<T> values;
    for (const std::string& text : texts) {
      T value{};
      if (Mismatch mismatch = read_value(text, value, range)) return mismatch;
      values.push_back(std::move(value));
    }
    out = std::move(values);
    return std::nullopt;
  }
  static std::string show(const std::vector<T>& values) {
    std::string text;
    for (const T& value : values) {
      if (!text.empty()) text += ", ";
      text += show_value(value);
    }
    return text;
  }
};

template <>
struct Shape<CooldownSteps> {
  using Item = milliseconds;
  static constexpr bool is_list = true;
  static Mismatch read(std::span<const std::string> texts, CooldownSteps& out, Range range) {
    if (texts.empty() || texts.size() > CooldownSteps::count_max) return "one to four durations";
    return Shape<std::vector<milliseconds>>::read(texts, out.lengths, range);
  }
  static std::string show(const CooldownSteps& value) {
    return Shape<std::vector<milliseconds>>::show(value.lengths);
  }
};

}  // namespace field_details

/// A row for the member that the pointers lead to: `field<&Config::tls, &TlsConfig::cert>(...)`.
template <auto First, auto... Rest>
constexpr auto field(std::string_view path, std::string_view doc, Range range = {}) {
  using Section = decltype(field_details::class_of(First));
  using Type = std::remove_cvref_t<decltype(field_details::member<First, Rest...>(
      std::declval<Section&>()))>;
  using Shape = field_details::Shape<Type>;
  Field<Section> row;
  row.path = path;
  row.type = type_name<typename Shape::Item>;
  row.doc = doc;
  row.range = range;
  row.is_list = Shape::is_list;
  row.is_secret = is_secret<typename Shape::Item>;
  row.read = [](Section& section, std::span<const std::string> texts, Range bounds) {
    return Shape::read(texts, field_details::member<First, Rest...>(section), bounds);
  };
  row.show = [](const Section& section) {
    return Shape::show(field_details::member<First, Rest...>(section));
  };
  return row;
}

/// The rows of `limits:` and `budget:`, which are the same wherever those stand.
bool is_limit_row(std::string_view path) noexcept;

std::span<const Field<Config>> root_fields();
std::span<const Field<RetrySettings>> retry_fields();
std::span<const Field<BreakerSettings>> breaker_fields();
std::span<const Field<CooldownSettings>> cooldown_fields();
std::span<const Field<ProviderConfig>> provider_fields();
/// Of an entry of `api_keys` that is a map.
std::span<const Field<ProviderKeyConfig>> provider_key_fields();
std::span<const Field<ModelOverride>> model_fields();
std::span<const Field<RouteConfig>> route_fields();
std::span<const Field<AlertRuleConfig>> alert_rule_fields();
/// Of users; teams and entries of `keys` have more, organisations only limits and budgets.
std::span<const Field<ClientConfig>> client_fields();
std::span<const Field<ClientConfig>> team_fields();
std::span<const Field<ClientConfig>> organisation_fields();
std::span<const Field<ClientConfig>> key_fields();

/// The environment variable of a setting of the whole: `limits.queue_wait` is
/// WEIR_LIMITS_QUEUE_WAIT.
std::string environment_name(std::string_view path);

/// What a timeout may be set to.
constexpr Range range_of(const TimeoutSpec& spec) {
  constexpr std::int64_t day_ms = 86'400'000;
  return {spec.may_be_off ? 0 : 1, day_ms};
}

}  // namespace weir::config
