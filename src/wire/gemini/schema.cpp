// SPDX-License-Identifier: Apache-2.0
#include "wire/gemini/schema.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "base/ascii.hpp"

namespace weir::wire::gemini {
namespace {

constexpr std::size_t schema_bytes_max = std::size_t{1} << 20;
constexpr std::size_t ref_rounds_max = 3;
constexpr std::size_t depth_max = 64;
// Merged schemas cost work before they give output.
constexpr std::size_t merges_max = 100'000;

// Written as they stand, from whichever merged schema has them first.
constexpr std::array<std::string_view, 11> plain_keywords{
    "title",   "description",   "minItems",      "maxItems",         "minLength", "maxLength",
    "pattern", "minProperties", "maxProperties", "propertyOrdering", "example"};
constexpr std::array<std::string_view, 6> formats{"float", "double", "int32",
                                                  "int64", "enum",   "date-time"};

std::string to_upper(std::string text) {
  for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return text;
}
std::string to_lower(std::string text) {
  for (char& c : text) c = ascii::to_lower(c);
  return text;
}

bool contains(const std::vector<std::string>& list, std::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

/// Several JSON Schemas that hold at once: a schema, what it refers to, its `allOf`, a lone
/// alternative. Keywords are looked up across all of them.
using Views = std::vector<json::Value>;

std::optional<json::Value> find(const Views& views, std::string_view key) {
  for (const json::Value view : views) {
    if (const auto found = view.find(key)) return found;
  }
  return std::nullopt;
}

class Lowering {
 public:
  Lowering(json::Value root, std::string& out) : root_(root), json_(out), start_(out.size()) {}

  Result<> run() {
    write({root_}, 0);
    if (error_) return *error_;
    return {};
  }

 private:
  void fail(std::string message) {
    if (!error_) error_ = Error(ErrorCode::invalid_request, std::move(message));
  }

  /// Writes one schema, whatever happens: on an error at least `{}`.
  void write(const Views& given, std::size_t depth) {
    if (json_.out().size() - start_ > schema_bytes_max || depth > depth_max) {
      fail("the schema is too large once its references are inlined");
    }
    json_.begin_object();
    if (!error_) {
      const std::size_t refs_before = refs_.size();
      Node node;
      for (const json::Value view : given) collect(view, node, depth);
      if (!error_) write_members(node, depth);
      refs_.resize(refs_before);
    }
    json_.end_object();
  }

  struct Node {
    Views views;
    Views alternatives;  ///< of anyOf and oneOf, without null
    bool is_nullable = false;
  };

  static bool is_null_schema(json::Value schema) {
    const auto type = schema.find("type");
    return type && type->equals("null");
  }

  /// Adds `schema` and all that holds together with it.
  void collect(json::Value schema, Node& node, std::size_t depth) {
    if (!schema.is_object() || error_) return;  // true and false say nothing the subset can say
    if (depth > depth_max || ++merges_ > merges_max) {
      return fail("the schema is too large once its references are inlined");
    }
    node.views.push_back(schema);
    if (const auto ref = schema.find("$ref"); ref && ref->is_string()) {
      follow(ref->as_string(), node, depth);
    }
    if (const auto all = schema.find("allOf"); all && all->is_array()) {
      for (const json::Value part : all->elements()) collect(part, node, depth + 1);
    }
    for (const std::string_view key : {"anyOf", "oneOf"}) {
      const auto any = schema.find(key);
      if (any && any->is_array()) collect_alternatives(*any, node, depth);
    }
  }

  void collect_alternatives(json::Value any, Node& node, std::size_t depth) {
    Views choices;
    for (const json::Value choice : any.elements()) {
      if (is_null_schema(choice)) {
        node.is_nullable = true;
      } else {
        choices.push_back(choice);
      }
    }
    if (choices.size() == 1) return collect(choices.front(), node, depth + 1);
    node.alternatives.insert(node.alternatives.end(), choices.begin(), choices.end());
  }

  void follow(std::string_view ref, Node& node, std::size_t depth) {
    const auto target = resolve(ref);
    if (!target) return fail("the schema's reference " + std::string(ref) + " leads nowhere");
    const auto rounds = std::count(refs_.begin(), refs_.end(), target->offset());
    if (static_cast<std::size_t>(rounds) >= ref_rounds_max) return;
    refs_.push_back(target->offset());
    collect(*target, node, depth + 1);
  }

  /// Follows a JSON pointer in fragment form, `#/$defs/a/b`.
  [[nodiscard]] std::optional<json::Value> resolve(std::string_view ref) const {
    if (!ref.starts_with('#')) return std::nullopt;
    ref.remove_prefix(1);
    std::optional<json::Value> at = root_;
    while (at && !ref.empty()) {
      ref.remove_prefix(1);  // the slash
      const auto end = std::min(ref.find('/'), ref.size());
      at = at->find(unescaped(ref.substr(0, end)));
      ref.remove_prefix(end);
    }
    return at;
  }

  static std::string unescaped(std::string_view token) {
    std::string out;
    for (std::size_t i = 0; i < token.size(); ++i) {
      if (token.substr(i, 2) == "~1" || token.substr(i, 2) == "~0") {
        out.push_back(token[++i] == '1' ? '/' : '~');
      } else {
        out.push_back(token[i]);
      }
    }
    return out;
  }

  /// The types by the first view that names any, in upper case; `null` becomes `nullable` instead.
  static std::vector<std::string> types_of(Node& node) {
    std::vector<std::string> types;
    const auto add = [&](json::Value name) {
      if (!name.is_string()) return;
      if (name.equals("null")) {
        node.is_nullable = true;
      } else {
        types.push_back(to_upper(name.as_string()));
      }
    };
    if (const auto type = find(node.views, "type")) {
      if (type->is_array()) {
        for (const json::Value name : type->elements()) add(name);
      } else {
        add(*type);
      }
    }
    if (types.empty() && find(node.views, "properties")) types.emplace_back("OBJECT");
    if (types.empty() && find(node.views, "items")) types.emplace_back("ARRAY");
    return types;
  }

  void write_members(Node& node, std::size_t depth) {
    std::vector<std::string> types = types_of(node);
    const std::vector<std::string> values = enum_of(node);
    if (!values.empty()) types = {"STRING"};  // the only type that takes an enum
    if (types.size() == 1) json_.member("type", types.front());
    if (node.is_nullable) json_.member("nullable", true);
    for (const std::string_view key : plain_keywords) {
      if (const auto value = find(node.views, key)) json_.key(key).raw(value->raw());
    }
    write_bound(node.views, "minimum", "exclusiveMinimum");
    write_bound(node.views, "maximum", "exclusiveMaximum");
    if (const auto format = find(node.views, "format"); format && is_known_format(*format)) {
      json_.key("format").raw(format->raw());
    }
    if (!values.empty()) {
      json_.key("enum").begin_array();
      for (const auto& value : values) json_.string(value);
      json_.end_array();
    }
    if (const auto items = find(node.views, "items"); items && items->is_object()) {
      json_.key("items");
      write({*items}, depth + 1);
    }
    write_properties(node.views, depth);
    write_alternatives(node, types, depth);
  }

  static bool is_known_format(json::Value format) {
    return std::any_of(formats.begin(), formats.end(),
                       [&](std::string_view known) { return format.equals(known); });
  }

  static std::vector<std::string> enum_of(Node& node) {
    std::vector<std::string> values;
    const auto add = [&](json::Value value) {
      if (value.is_null()) {
        node.is_nullable = true;
      } else {
        values.push_back(value.is_string() ? value.as_string() : std::string(value.raw()));
      }
    };
    if (const auto constant = find(node.views, "const")) {
      add(*constant);
    } else if (const auto list = find(node.views, "enum"); list && list->is_array()) {
      for (const json::Value value : list->elements()) add(value);
    }
    return values;
  }

  void write_bound(const Views& views, std::string_view key, std::string_view exclusive) {
    auto bound = find(views, key);
    if (!bound) bound = find(views, exclusive);
    // Draft 4 had a boolean under the exclusive name.
    if (bound && bound->is_number()) json_.key(key).raw(bound->raw());
  }

  void write_properties(const Views& views, std::size_t depth) {
    std::vector<std::pair<std::string, Views>> properties;
    for (const json::Value view : views) {
      const auto object = view.find("properties");
      if (!object || !object->is_object()) continue;
      for (const json::Member member : object->members()) {
        const std::string key = member.key.as_string();
        const auto known =
            std::find_if(properties.begin(), properties.end(),
                         [&](const auto& property) { return property.first == key; });
        if (known == properties.end()) {
          properties.push_back({key, {member.value}});
        } else {
          known->second.push_back(member.value);
        }
      }
    }
    if (properties.empty()) return;
    json_.key("properties").begin_object();
    for (const auto& [key, schemas] : properties) {
      json_.key(key);
      write(schemas, depth + 1);
    }
    json_.end_object();
    write_required(views, properties);
  }

  void write_required(const Views& views,
                      const std::vector<std::pair<std::string, Views>>& properties) {
    std::vector<std::string> required;
    for (const json::Value view : views) {
      const auto list = view.find("required");
      if (!list || !list->is_array()) continue;
      for (const json::Value name : list->elements()) {
        if (!name.is_string() || contains(required, name.as_string())) continue;
        // Gemini refuses a required property that is not described.
        const bool is_described =
            std::any_of(properties.begin(), properties.end(),
                        [&](const auto& property) { return name.equals(property.first); });
        if (is_described) required.push_back(name.as_string());
      }
    }
    if (required.empty()) return;
    json_.key("required").begin_array();
    for (const auto& name : required) json_.string(name);
    json_.end_array();
  }

  void write_alternatives(const Node& node, const std::vector<std::string>& types,
                          std::size_t depth) {
    if (node.alternatives.empty() && types.size() < 2) return;
    json_.key("anyOf").begin_array();
    for (const json::Value alternative : node.alternatives) write({alternative}, depth + 1);
    if (node.alternatives.empty()) {
      for (const auto& type : types) json_.begin_object().member("type", type).end_object();
    }
    json_.end_array();
  }

  json::Value root_;
  json::Writer json_;
  std::size_t start_;
  std::vector<std::size_t> refs_;  ///< offsets of the references being inlined
  std::size_t merges_ = 0;
  std::optional<Error> error_;
};

void write_json_schema(json::Writer& json, json::Value openapi);

void write_json_type(json::Writer& json, json::Value type, bool is_nullable) {
  const std::string name = to_lower(type.as_string());
  if (name == "type_unspecified") return;
  json.key("type");
  if (!is_nullable) {
    json.string(name);
    return;
  }
  json.begin_array().string(name).string("null").end_array();
}

void write_json_member(json::Writer& json, std::string_view key, json::Value value) {
  constexpr std::array<std::string_view, 6> counts{"minItems",  "maxItems",      "minLength",
                                                   "maxLength", "minProperties", "maxProperties"};
  constexpr std::array<std::string_view, 4> unknown_to_json_schema{"type", "nullable",
                                                                   "propertyOrdering", "example"};
  const auto is_in = [&](const auto& list) {
    return std::find(list.begin(), list.end(), key) != list.end();
  };
  if (is_in(unknown_to_json_schema)) return;
  json.key(key);
  const bool is_digits = value.is_string() && value.raw().size() > 2 &&
                         value.as_string().find_first_not_of("0123456789") == std::string::npos;
  if (is_in(counts) && is_digits && value.raw()[1] != '0') {
    json.raw(value.as_string());
  } else if (key == "items") {
    write_json_schema(json, value);
  } else if (key == "anyOf" && value.is_array()) {
    json.begin_array();
    for (const json::Value schema : value.elements()) write_json_schema(json, schema);
    json.end_array();
  } else if (key == "properties" && value.is_object()) {
    json.begin_object();
    for (const json::Member member : value.members()) {
      write_json_schema(json.key(member.key.as_string()), member.value);
    }
    json.end_object();
  } else {
    json.raw(value.raw());
  }
}

void write_json_schema(json::Writer& json, json::Value openapi) {
  if (!openapi.is_object()) {
    json.raw(openapi.raw());
    return;
  }
  json.begin_object();
  const auto type = openapi.find("type");
  const auto nullable = openapi.find("nullable");
  if (type && type->is_string()) {
    write_json_type(json, *type, nullable && nullable->is_boolean() && nullable->as_bool());
  }
  for (const json::Member member : openapi.members()) {
    write_json_member(json, member.key.as_string(), member.value);
  }
  json.end_object();
}

}  // namespace

Result<> append_openapi_schema(std::string& out, json::Value schema) {
  return Lowering(schema, out).run();
}

Result<> write_schema(json::Writer& json, std::string_view schema, const SchemaMember& member) {
  if (member.takes_json_schema) {
    json.key(member.json_schema_name).raw(schema);
    return {};
  }
  json::Document document;
  std::string lowered;
  auto outcome = document.parse(schema);
  if (outcome) outcome = append_openapi_schema(lowered, document.root());
  if (!outcome) {
    Error error = std::move(outcome).error();
    error.param = member.field;
    return error;
  }
  // An object without properties is refused where the subset is the only form.
  if (lowered != R"({"type":"OBJECT"})" && lowered != "{}") {
    json.key(member.openapi_name).raw(lowered);
  }
  return {};
}

void append_json_schema(std::string& out, json::Value openapi) {
  json::Writer json(out);
  write_json_schema(json, openapi);
}

}  // namespace weir::wire::gemini
