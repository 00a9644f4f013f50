// SPDX-License-Identifier: Apache-2.0
#include "admin/changes.hpp"

#include "json/document.hpp"
#include "json/object_reader.hpp"
#include "json/writer.hpp"

namespace weir::admin {
namespace {

/// A file's content may become a key only by the word of who can write the configuration file; over
/// the network it would be a way to read any file of the machine.
Result<> refuse_files(json::Value value, const json::Path& path) {
  if (value.is_string() && value.as_string().starts_with("file:")) {
    return Error(ErrorCode::invalid_request,
                 "file: references are taken from the configuration file only", path.text());
  }
  if (value.is_array()) {
    std::size_t i = 0;
    for (const json::Value element : value.elements()) {
      WEIR_TRY(refuse_files(element, {&path, {}, i++}));
    }
  }
  if (value.is_object()) {
    for (const json::Member member : value.members()) {
      const std::string key = member.key.as_string();
      WEIR_TRY(refuse_files(member.value, {&path, key, 0}));
    }
  }
  return {};
}

Result<> parse(json::Document& document, std::string_view body) {
  WEIR_TRY(document.parse(body));
  return refuse_files(document.root(), {});
}

Result<> expect_object(const json::Document& document) {
  if (document.root().is_object()) return {};
  return Error(ErrorCode::invalid_request,
               "expected an object, found " + std::string(json::name(document.root().kind())));
}

/// The object without its member `name`; what stays keeps its bytes.
std::string without_name(json::Value object) {
  std::string out;
  json::Writer json(out);
  json.begin_object();
  for (const json::Member member : object.members()) {
    if (!member.key.equals("name")) json.key(member.key.as_string()).raw(member.value.raw());
  }
  json.end_object();
  return out;
}

}  // namespace

Result<config::Edit> new_provider(std::string_view body) {
  json::Document document;
  WEIR_TRY(parse(document, body));
  json::Problem problem;
  const json::Path root;
  json::ObjectReader reader(document.root(), root, problem);
  std::string name = reader.required_string("name");
  WEIR_TRY(problem.result());
  return config::Edit{"providers", std::move(name), true, without_name(document.root())};
}

Result<config::Edit> provider_change(std::string_view name, std::string_view body) {
  json::Document document;
  WEIR_TRY(parse(document, body));
  WEIR_TRY(expect_object(document));
  return config::Edit{"providers", std::string(name), false, without_name(document.root())};
}

Result<config::Edit> whole_route(std::string_view name, std::string_view body) {
  json::Document document;
  WEIR_TRY(parse(document, body));
  return config::Edit{"models", std::string(name), true, std::string(document.root().raw())};
}

namespace {

/// The text of `member`, the only one that `body` may have.
Result<std::string> only_text(std::string_view body, std::string_view member) {
  json::Document document;
  WEIR_TRY(parse(document, body));
  json::Problem problem;
  const json::Path root;
  json::ObjectReader reader(document.root(), root, problem);
  std::string text = reader.required_string(member);
  reader.for_each_unread(
      [&](const std::string& key, json::Value) { reader.fail(key, "unknown member"); });
  WEIR_TRY(problem.result());
  return text;
}

std::string quoted(const std::string& text) {
  std::string out;
  json::append_string(out, text);
  return out;
}

}  // namespace

Result<config::Edit> default_model(std::string_view body) {
  WEIR_TRY_ASSIGN(model, only_text(body, "model"));
  return config::Edit{"", "default_model", true, model.empty() ? std::string() : quoted(model)};
}

Result<config::Edit> default_strategy(std::string_view body) {
  WEIR_TRY_ASSIGN(strategy, only_text(body, "strategy"));
  return config::Edit{"", "strategy", true, strategy.empty() ? std::string() : quoted(strategy)};
}

Result<config::Edit> meaning(std::string_view section, std::string_view name,
                             std::string_view body) {
  WEIR_TRY_ASSIGN(model, only_text(body, "model"));
  return config::Edit{std::string(section), std::string(name), true, quoted(model)};
}

config::Edit removal(std::string_view section, std::string_view name) {
  return {std::string(section), std::string(name), true, ""};
}

Result<std::string> circuit_order(std::string_view body) { return only_text(body, "state"); }

Result<ExplainWishes> explain_wishes(std::string_view body) {
  ExplainWishes wishes;
  if (body.empty()) return wishes;
  json::Document document;
  WEIR_TRY(parse(document, body));
  json::Problem problem;
  const json::Path root;
  json::ObjectReader reader(document.root(), root, problem);
  wishes.model = reader.string("model").value_or("");
  wishes.request = reader.string("request").value_or("");
  wishes.key = reader.string("key").value_or("");
  wishes.user = reader.string("user").value_or("");
  wishes.team = reader.string("team").value_or("");
  wishes.organisation = reader.string("organisation").value_or("");
  if (const auto names = reader.array("prefer")) {
    for (const json::Value name : names->elements()) {
      if (name.is_string()) {
        wishes.prefer.push_back(name.as_string());
      } else {
        reader.fail("prefer", "must be a list of names");
      }
    }
  }
  reader.for_each_unread(
      [&](const std::string& key, json::Value) { reader.fail(key, "unknown member"); });
  WEIR_TRY(problem.result());
  return wishes;
}

Result<bool> discards_changes(std::string_view body) {
  if (body.empty()) return false;
  json::Document document;
  WEIR_TRY(document.parse(body));
  json::Problem problem;
  const json::Path root;
  json::ObjectReader reader(document.root(), root, problem);
  const bool discards = reader.boolean("discard_changes").value_or(false);
  reader.for_each_unread(
      [&](const std::string& key, json::Value) { reader.fail(key, "unknown member"); });
  WEIR_TRY(problem.result());
  return discards;
}

}  // namespace weir::admin
