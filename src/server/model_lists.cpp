// SPDX-License-Identifier: Apache-2.0
#include "server/model_lists.hpp"

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "admin/model_view.hpp"
#include "json/object_reader.hpp"
#include "json/writer.hpp"
#include "server/model_calls.hpp"
#include "wire/ollama/timestamp.hpp"
#include "wire/openai/models.hpp"

namespace weir::server {
namespace {

using pipeline::Tri;
using providers::Capability;

constexpr std::string_view json_type = "application/json";
/// The Ollama whose API the door speaks: tools look at it before they ask for anything newer.
constexpr std::string_view ollama_version = "0.12.0";

/// Who has a model: the provider its name starts with, ourselves for routes.
std::string_view owner_of(std::string_view name) {
  const std::size_t slash = name.find('/');
  return slash == std::string_view::npos ? "weir" : name.substr(0, slash);
}

std::string openai_list(const engine::Snapshot& snapshot, const std::vector<std::string>& names,
                        std::int64_t created) {
  const admin::Refused refused = snapshot.refused();
  std::vector<std::string> facts;
  for (const std::string& name : names) {
    facts.push_back(admin::listed_name_json(snapshot.resolver(), refused, name));
  }
  std::vector<wire::openai::ModelEntry> entries;
  entries.reserve(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    entries.push_back({names[i], owner_of(names[i]), created, facts[i]});
  }
  std::string body;
  wire::openai::encode_models(entries, body);
  return body;
}

/// What is known of the models behind names: of a route its first target, as that is who answers
/// while all is well.
class KnownModels {
 public:
  explicit KnownModels(const engine::Snapshot& snapshot)
      : resolver_(snapshot.resolver()), refused_(snapshot.refused()) {}

  [[nodiscard]] config::ModelFacts facts_of(std::string_view name) const {
    const auto found = resolver_.resolve(name);
    if (!found) return {};
    const config::Target& target = (*found)->steps.front().targets.front();
    config::ModelFacts facts = target.facts;
    admin::apply_refused(refused_, target.name, facts);
    return facts;
  }

 private:
  const config::Resolver& resolver_;
  admin::Refused refused_;
};

void write_tokens_or_null(json::Writer& json, std::string_view key, std::int64_t tokens) {
  json.key(key);
  if (tokens > 0) {
    json.integer(tokens);
  } else {
    json.null();
  }
}

void write_anthropic(json::Writer& json, const KnownModels& known, std::string_view name,
                     std::int64_t created) {
  const config::ModelFacts facts = known.facts_of(name);
  json.begin_object().member("type", "model").member("id", name).member("display_name", name);
  json.member("created_at", wire::ollama::format_timestamp(created));
  write_tokens_or_null(json, "max_input_tokens", facts.context.tokens);
  write_tokens_or_null(json, "max_tokens", facts.output_max.tokens);
  json.end_object();
}

/// A part of a list, as a client asks for it; without a wish one page holds them all.
struct Page {
  std::span<const std::string> names;
  bool has_more = false;  ///< in the direction that was asked for
};

/// Errors: `invalid_request` for a number that is none, or out of range.
Result<std::size_t> page_size(const net::http::Query& query, std::string_view key) {
  constexpr std::size_t size_max = 1'000;
  const auto text = query.find(key);
  if (!text) return std::numeric_limits<std::size_t>::max();
  std::size_t size = 0;
  const char* const last = text->data() + text->size();
  const auto [end, error] = std::from_chars(text->data(), last, size);
  if (error != std::errc() || end != last || size < 1 || size > size_max) {
    return Error(ErrorCode::invalid_request, "must be a whole number from 1 to 1000",
                 std::string(key));
  }
  return size;
}

/// `size` names behind `after`; all that follows where it is empty, and none where it is unknown.
Page page_behind(std::span<const std::string> names, std::string_view after, std::size_t size) {
  if (!after.empty()) {
    const auto at = std::find(names.begin(), names.end(), after);
    names = names.subspan(std::min(names.size(), static_cast<std::size_t>(at - names.begin()) + 1));
  }
  const std::size_t count = std::min(size, names.size());
  return {names.first(count), count < names.size()};
}

/// The same before `before`, in the same order.
Page page_before(std::span<const std::string> names, std::string_view before, std::size_t size) {
  const auto at = std::find(names.begin(), names.end(), before);
  names = at == names.end() ? names.first(0)
                            : names.first(static_cast<std::size_t>(at - names.begin()));
  const std::size_t count = std::min(size, names.size());
  return {names.last(count), count < names.size()};
}

Result<Page> anthropic_page(const net::http::Query& query, std::span<const std::string> names) {
  WEIR_TRY_ASSIGN(size, page_size(query, "limit"));
  const std::string before = query.find("before_id").value_or("");
  if (!before.empty()) return page_before(names, before, size);
  return page_behind(names, query.find("after_id").value_or(""), size);
}

/// A token is the last name of the page before.
Result<Page> gemini_page(const net::http::Query& query, std::span<const std::string> names) {
  WEIR_TRY_ASSIGN(size, page_size(query, "pageSize"));
  return page_behind(names, query.find("pageToken").value_or(""), size);
}

std::string anthropic_list(const KnownModels& known, const Page& page, std::int64_t created) {
  const auto& names = page.names;
  std::string body;
  json::Writer json(body);
  json.begin_object().key("data").begin_array();
  for (const std::string& name : names) write_anthropic(json, known, name, created);
  json.end_array().member("has_more", page.has_more);
  if (names.empty()) {
    json.key("first_id").null().key("last_id").null();
  } else {
    json.member("first_id", names.front()).member("last_id", names.back());
  }
  json.end_object();
  return body;
}

/// `methods` where `capability` is not known to be missing.
void write_methods(json::Writer& json, const config::ModelFacts& facts, Capability capability,
                   std::initializer_list<const char*> methods) {
  if (facts.capabilities.can(capability) == Tri::no) return;
  for (const char* method : methods) json.string(method);
}

void write_gemini(json::Writer& json, const KnownModels& known, std::string_view name) {
  const config::ModelFacts facts = known.facts_of(name);
  json.begin_object().member("name", "models/" + std::string(name)).member("displayName", name);
  if (facts.context.tokens > 0) json.member("inputTokenLimit", facts.context.tokens);
  if (facts.output_max.tokens > 0) json.member("outputTokenLimit", facts.output_max.tokens);
  json.key("supportedGenerationMethods").begin_array();
  write_methods(json, facts, Capability::chat,
                {"generateContent", "streamGenerateContent", "countTokens"});
  write_methods(json, facts, Capability::embeddings, {"embedContent", "batchEmbedContents"});
  json.end_array();
  const Tri thinks = facts.capabilities.can(Capability::reasoning);
  if (thinks != Tri::unknown) json.member("thinking", thinks == Tri::yes);
  json.end_object();
}

std::string gemini_list(const KnownModels& known, const Page& page) {
  const auto& names = page.names;
  std::string body;
  json::Writer json(body);
  json.begin_object().key("models").begin_array();
  for (const std::string& name : names) write_gemini(json, known, name);
  json.end_array();
  if (page.has_more) json.member("nextPageToken", names.back());
  json.end_object();
  return body;
}

/// What Ollama tells of the file of a model; there is none here.
void write_ollama_details(json::Writer& json) {
  json.key("details").begin_object().member("parent_model", "").member("format", "");
  json.member("family", "weir").key("families").begin_array().string("weir").end_array();
  json.member("parameter_size", "").member("quantization_level", "").end_object();
}

/// The abilities of the first target, where they are not known to be missing.
void write_ollama_abilities(json::Writer& json, const pipeline::Route& route) {
  json.key("capabilities").begin_array();
  for (const pipeline::Step& step : route.steps) {
    if (step.targets.empty()) continue;
    const pipeline::Target& target = *step.targets.front();
    if (!target.chat_path.empty()) json.string("completion");
    if (target.can(Capability::tools) == Tri::yes) json.string("tools");
    if (target.can(Capability::vision) == Tri::yes) json.string("vision");
    if (target.can(Capability::reasoning) == Tri::yes) json.string("thinking");
    if (target.can(Capability::embeddings) == Tri::yes) json.string("embedding");
    break;
  }
  json.end_array();
}

/// The first target's window, where tools look for it: under the architecture's name.
void write_ollama_info(json::Writer& json, const pipeline::Route& route) {
  json.key("model_info").begin_object().member("general.architecture", "weir");
  for (const pipeline::Step& step : route.steps) {
    if (step.targets.empty()) continue;
    const std::int64_t window = step.targets.front()->context_tokens;
    if (window > 0) json.member("weir.context_length", window);
    break;
  }
  json.end_object();
}

/// The name in a body of `POST /api/show`.
Result<std::string> read_shown_name(ClientRequest& request) {
  WEIR_TRY_ASSIGN(root, request.read_json());
  const json::Path path;
  json::Problem problem;
  json::ObjectReader reader(root, path, problem);
  const auto old_name = reader.string("name");
  std::string name = reader.string("model").value_or(old_name.value_or(""));
  if (name.empty()) reader.fail("model", "is required");
  WEIR_TRY(problem.result());
  return name;
}

Result<std::string> show(ClientRequest& request, std::int64_t created) {
  WEIR_TRY_ASSIGN(name, read_shown_name(request));
  WEIR_TRY_ASSIGN(route, find_route(request, name));
  std::string body;
  json::Writer json(body);
  json.begin_object().member("modelfile", "").member("parameters", "").member("template", "");
  write_ollama_details(json);
  write_ollama_info(json, *route);
  write_ollama_abilities(json, *route);
  json.member("modified_at", wire::ollama::format_timestamp(created)).end_object();
  return body;
}

/// What is worth listing of what the key may call.
std::vector<std::string> listed_names(const ClientRequest& request) {
  std::vector<std::string> names = request.snapshot->resolver().listed_names();
  std::erase_if(names, [&](const std::string& name) { return !may_call(request, name); });
  return names;
}

}  // namespace

net::Task<void> list_models(ClientRequest& request, std::int64_t created) {
  const std::vector<std::string> names = listed_names(request);
  const net::http::Query& query = request.target.query;
  Result<std::string> body;
  switch (request.door) {
    case Door::anthropic: {
      const auto page = anthropic_page(query, names);
      const KnownModels known(*request.snapshot);
      body = page ? Result<std::string>(anthropic_list(known, *page, created)) : page.error();
      break;
    }
    case Door::gemini: {
      const auto page = gemini_page(query, names);
      const KnownModels known(*request.snapshot);
      body = page ? Result<std::string>(gemini_list(known, *page)) : page.error();
      break;
    }
    default:
      body = openai_list(*request.snapshot, names, created);
  }
  if (!body) {
    co_await refuse(request, std::move(body).error());
    co_return;
  }
  std::string text = *std::move(body);
  co_await respond(request, 200, json_type, std::move(text));
}

net::Task<void> get_model(ClientRequest& request, std::int64_t created) {
  const auto route = find_route(request, request.argument);
  if (!route) {
    co_await refuse(request, route.error());
    co_return;
  }
  std::string body;
  json::Writer json(body);
  switch (request.door) {
    case Door::anthropic:
      write_anthropic(json, KnownModels(*request.snapshot), request.argument, created);
      break;
    case Door::gemini:
      write_gemini(json, KnownModels(*request.snapshot), request.argument);
      break;
    default: {
      const std::string facts = admin::listed_name_json(
          request.snapshot->resolver(), request.snapshot->refused(), request.argument);
      wire::openai::encode_model({request.argument, owner_of(request.argument), created, facts},
                                 body);
    }
  }
  co_await respond(request, 200, json_type, std::move(body));
}

net::Task<void> list_ollama_models(ClientRequest& request, std::int64_t created) {
  std::string body;
  json::Writer json(body);
  json.begin_object().key("models").begin_array();
  for (const std::string& name : listed_names(request)) {
    json.begin_object().member("name", name).member("model", name);
    json.member("modified_at", wire::ollama::format_timestamp(created));
    json.member("size", 0).member("digest", "");
    write_ollama_details(json);
    json.end_object();
  }
  json.end_array().end_object();
  co_await respond(request, 200, json_type, std::move(body));
}

net::Task<void> show_ollama_model(ClientRequest& request, std::int64_t created) {
  Result<std::string> shown = show(request, created);
  if (!shown) {
    co_await refuse(request, std::move(shown).error());
    co_return;
  }
  co_await respond(request, 200, json_type, *std::move(shown));
}

net::Task<void> show_ollama_version(ClientRequest& request) {
  std::string body;
  json::Writer(body).begin_object().member("version", ollama_version).end_object();
  co_await respond(request, 200, json_type, std::move(body));
}

}  // namespace weir::server
