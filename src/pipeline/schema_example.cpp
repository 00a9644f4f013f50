// SPDX-License-Identifier: Apache-2.0
#include "pipeline/schema_example.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "json/writer.hpp"

namespace weir::pipeline {
namespace {

constexpr int depth_max = 16;
constexpr std::size_t bytes_max = std::size_t{64} << 10;
constexpr std::int64_t repeated_max = 1'000;  ///< elements of a list, letters of a word
constexpr std::string_view word = "mock";

struct FormatExample {
  std::string_view format;
  std::string_view text;
};
constexpr std::array format_examples{
    FormatExample{"date", "2026-01-01"},
    FormatExample{"date-time", "2026-01-01T00:00:00Z"},
    FormatExample{"time", "00:00:00Z"},
    FormatExample{"email", "mock@example.com"},
    FormatExample{"uri", "https://example.com/"},
    FormatExample{"uuid", "00000000-0000-4000-8000-000000000000"},
};

std::optional<std::int64_t> whole_at(json::Value schema, std::string_view key) {
  const auto found = schema.find(key);
  return found && found->is_number() ? found->as_int() : std::nullopt;
}

std::int64_t count_at(json::Value schema, std::string_view key) {
  return std::clamp<std::int64_t>(whole_at(schema, key).value_or(0), 0, repeated_max);
}

class Example {
 public:
  Example(json::Value root, std::string& out) : root_(root), out_(out), json_(out) {}

  void write(json::Value schema, int depth) {
    const bool is_too_large = depth > depth_max || out_.size() > bytes_max;
    const auto given = given_value(schema);
    const auto other = stands_for(schema);
    const std::string type = type_of(schema);
    if (is_too_large) {
      json_.null();
    } else if (given) {
      json_.raw(given->raw());
    } else if (other) {
      write(*other, depth + 1);
    } else if (type == "object") {
      write_object(schema, depth);
    } else if (type == "array") {
      write_array(schema, depth);
    } else if (type == "string") {
      json_.string(text_for(schema));
    } else if (type == "integer" || type == "number") {
      json_.integer(whole_number(schema));
    } else if (type == "boolean") {
      json_.boolean(true);
    } else {
      json_.null();
    }
  }

 private:
  /// A value that the schema itself names.
  static std::optional<json::Value> given_value(json::Value schema) {
    if (const auto constant = schema.find("const")) return constant;
    const auto words = schema.find("enum");
    if (!words || !words->is_array() || words->size() == 0) return std::nullopt;
    return *words->elements().begin();
  }

  /// The schema that this one refers to, or the first of those it lets choose from.
  [[nodiscard]] std::optional<json::Value> stands_for(json::Value schema) const {
    if (const auto reference = schema.find("$ref"); reference && reference->is_string()) {
      return referred_to(reference->as_string());
    }
    for (const std::string_view choice : {"anyOf", "oneOf", "allOf"}) {
      const auto list = schema.find(choice);
      const bool is_choice = list && list->is_array() && list->size() > 0;
      if (is_choice && !schema.find("properties")) return *list->elements().begin();
    }
    return std::nullopt;
  }

  /// A place in the same document, such as `#/$defs/city`.
  [[nodiscard]] std::optional<json::Value> referred_to(std::string_view reference) const {
    if (!reference.starts_with("#/")) return std::nullopt;
    std::optional<json::Value> place = root_;
    for (reference.remove_prefix(2); place && !reference.empty();) {
      const std::string_view key = reference.substr(0, reference.find('/'));
      place = place->find(key);
      reference.remove_prefix(std::min(reference.size(), key.size() + 1));
    }
    return place;
  }

  static std::string type_of(json::Value schema) {
    if (const auto type = schema.find("type")) {
      if (type->is_string()) return type->as_string();
      if (type->is_array() && type->size() > 0) {
        const json::Value first = *type->elements().begin();
        if (first.is_string()) return first.as_string();
      }
    }
    if (schema.find("properties")) return "object";
    return schema.find("items") ? "array" : "";
  }

  void write_object(json::Value schema, int depth) {
    json_.begin_object();
    const auto required = schema.find("required");
    const auto properties = schema.find("properties");
    if (required && required->is_array() && properties) {
      for (const json::Value name : required->elements()) {
        if (!name.is_string()) continue;
        const std::string key = name.as_string();
        const auto property = properties->find(key);
        json_.key(key);
        if (property) {
          write(*property, depth + 1);
        } else {
          json_.null();
        }
      }
    }
    json_.end_object();
  }

  void write_array(json::Value schema, int depth) {
    json_.begin_array();
    const auto items = schema.find("items");
    for (std::int64_t i = 0; items && i < count_at(schema, "minItems"); ++i) {
      write(*items, depth + 1);
    }
    json_.end_array();
  }

  static std::string text_for(json::Value schema) {
    const auto format = schema.find("format");
    for (const auto& [name, text] : format_examples) {
      if (format && format->equals(name)) return std::string(text);
    }
    std::string text(word);
    const auto least = static_cast<std::size_t>(count_at(schema, "minLength"));
    if (text.size() < least) text.resize(least, 'k');
    const auto most = whole_at(schema, "maxLength");
    if (most && *most >= 0 && *most < static_cast<std::int64_t>(text.size())) {
      text.resize(static_cast<std::size_t>(*most));
    }
    return text;
  }

  /// 1 where the bounds allow it.
  static std::int64_t whole_number(json::Value schema) {
    std::int64_t number = 1;
    if (const auto most = whole_at(schema, "maximum")) number = std::min(number, *most);
    if (const auto over = whole_at(schema, "exclusiveMaximum")) {
      number = std::min(number, *over - (*over > INT64_MIN ? 1 : 0));
    }
    if (const auto least = whole_at(schema, "minimum")) number = std::max(number, *least);
    if (const auto under = whole_at(schema, "exclusiveMinimum")) {
      number = std::max(number, *under + (*under < INT64_MAX ? 1 : 0));
    }
    return number;
  }

  json::Value root_;
  std::string& out_;
  json::Writer json_;
};

}  // namespace

void append_example(json::Value schema, std::string& out) { Example(schema, out).write(schema, 0); }

}  // namespace weir::pipeline
