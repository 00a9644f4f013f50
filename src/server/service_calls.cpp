// SPDX-License-Identifier: Apache-2.0
#include "server/service_calls.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "base/assert.hpp"
#include "base/utf8.hpp"
#include "guard/json_screen.hpp"
#include "guard/request_filter.hpp"
#include "json/document.hpp"
#include "json/writer.hpp"
#include "pipeline/service_operation.hpp"
#include "server/content_text.hpp"
#include "server/request_digest.hpp"
#include "server/upload.hpp"
#include "wire/multipart.hpp"

namespace weir::server {
namespace {

using pipeline::ServiceOperation;
using providers::Service;

/// The model that is meant by an OpenAI client that names none for moderation.
constexpr std::string_view moderation_model = "omni-moderation-latest";

std::uint64_t upload_bytes_max(const ClientRequest& request) {
  return static_cast<std::uint64_t>(request.snapshot->config().limits.multipart_bytes_max.bytes);
}

/// A call while it is made ready, with all that its operation points to.
struct ReadyCall {
  std::optional<std::string> boundary;  ///< nothing: the body is JSON
  std::optional<wire::MultipartScanner> scanner;
  std::string masked;  ///< the JSON as the content rules left it; empty: as it came
  json::Document masked_document;
  std::unique_ptr<ServiceOperation> operation;
  std::shared_ptr<const pipeline::Route> route;
};

/// What the header says. Errors: `invalid_request`.
Result<> read_head(const ClientRequest& request, ReadyCall& ready) {
  const auto content_type = request.exchange.head().fields.find("content-type");
  WEIR_TRY_ASSIGN(boundary, wire::read_form_boundary(content_type.value_or("")));
  ready.boundary = std::move(boundary);
  // Prompts are longer than other fields, and may have to be looked at.
  constexpr std::size_t text_bytes_max = 16 * 1024;
  if (ready.boundary) {
    ready.scanner.emplace(*ready.boundary,
                          wire::MultipartLimits{.value_bytes_kept_max = text_bytes_max});
  }
  return {};
}

/// What the content rules make of the texts of a form; files are not looked at. Errors:
/// `content_filtered`; `invalid_request` for a text that is too long to be looked at, or that would
/// not stay one part.
Result<std::map<std::size_t, std::string>> hold_form_to(const guard::Rules* rules,
                                                        std::string_view boundary,
                                                        const std::vector<wire::FormPart>& parts) {
  std::map<std::size_t, std::string> replaced;
  if (rules == nullptr || !rules->has(guard::Side::input)) return replaced;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const wire::FormPart& part = parts[i];
    if (part.is_file || guard::is_silent_member(part.name)) continue;
    if (!part.is_whole()) {
      return Error(ErrorCode::invalid_request, "is too long for the content rules to look at",
                   part.name);
    }
    auto held = guard::hold_text_to(part.value, rules);
    if (!held) {
      Error error = std::move(held).error();
      error.param = part.name;
      return error;
    }
    if (!*held) continue;
    const std::string delimiter = "\r\n--" + std::string(boundary);
    if (("\r\n" + **held).find(delimiter) != std::string::npos) {
      return Error(ErrorCode::invalid_request, "holds what ends a part of the form", part.name);
    }
    replaced.emplace(i, **std::move(held));
  }
  return replaced;
}

/// Why the value of a part can't be kept; empty: it can.
std::string_view obstacle_to_keeping(const wire::FormPart& part, std::string_view value) {
  if (part.is_file) return "it is a file";
  if (value == part.value && !part.is_whole()) return "it is too long";
  return valid_utf8_prefix(value) == value.size() ? std::string_view() : "it is no text";
}

void append_value(json::Writer& json, const wire::FormPart& part, const std::string* replaced) {
  const std::string& value = replaced != nullptr ? *replaced : part.value;
  const std::string_view obstacle = obstacle_to_keeping(part, value);
  if (obstacle.empty()) {
    json.member("value", value);
  } else {
    json.key("value").raw(not_kept(obstacle, static_cast<std::size_t>(part.size)));
  }
}

/// A form as the content rules left it: its fields, and how large its files are.
std::string outline_of(const std::vector<wire::FormPart>& parts,
                       const std::map<std::size_t, std::string>& replaced) {
  std::string text;
  json::Writer json(text);
  json.begin_object().key("form").begin_array();
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto other = replaced.find(i);
    json.begin_object().member("name", parts[i].name);
    append_value(json, parts[i], other == replaced.end() ? nullptr : &other->second);
    json.end_object();
  }
  json.end_array().end_object();
  return text;
}

/// Of what is passed through; `body` empty: it has none that is a text.
std::string outline_of(const pipeline::RawAsk& ask, std::string_view body, std::uint64_t size) {
  std::string text;
  json::Writer json(text);
  json.begin_object().member("method", ask.method).member("path", ask.rest);
  json::Document document;
  if (size > 0 && document.parse(body)) {
    json.key("body").raw(body);
  } else if (size > 0 && ask.content_type.starts_with("text/") && valid_utf8_prefix(body) == size) {
    json.member("body", body);
  } else if (size > 0) {
    json.key("body").raw(not_kept("its form is not known", static_cast<std::size_t>(size)));
  }
  json.end_object();
  return text;
}

/// Makes the operation of a body that has come.
Result<> read_body(ClientRequest& request, Service service, Upload& upload, ReadyCall& ready,
                   bool keeps_content) {
  if (ready.scanner) {
    if (keeps_content) request.body_outline = outline_of(ready.scanner->parts(), {});
    const pipeline::Form form{*ready.boundary, ready.scanner->parts(), upload};
    WEIR_TRY_ASSIGN(made, ServiceOperation::make(service, form));
    ready.operation = std::move(made);
  } else {
    WEIR_TRY_ASSIGN(root, request.read_json());
    WEIR_TRY_ASSIGN(made, ServiceOperation::make(service, root));
    ready.operation = std::move(made);
  }
  // Azure's clients name it in the path.
  std::string model = request.argument.empty() ? ready.operation->model() : request.argument;
  if (model.empty() && service == Service::moderations) model = moderation_model;
  // The default model writes text; it would be of no use here.
  if (model.empty()) return Error(ErrorCode::invalid_request, "is required", "model");
  WEIR_TRY_ASSIGN(route, find_route(request, model));
  ready.route = std::move(route);
  request.model = std::move(model);
  if (ready.scanner) {
    WEIR_TRY_ASSIGN(replaced, hold_form_to(ready.route->content_rules.get(), *ready.boundary,
                                           ready.scanner->parts()));
    if (replaced.empty()) return {};
    if (keeps_content) request.body_outline = outline_of(ready.scanner->parts(), replaced);
    pipeline::Form form{*ready.boundary, ready.scanner->parts(), upload, std::move(replaced)};
    WEIR_TRY_ASSIGN(again, ServiceOperation::make(service, form));
    ready.operation = std::move(again);
    return {};
  }
  WEIR_TRY_ASSIGN(masked,
                  guard::hold_request_to(*request.json(), ready.route->content_rules.get()));
  if (!masked) return {};
  ready.masked = *std::move(masked);
  request.own_body = ready.masked;
  WEIR_TRY(ready.masked_document.parse(ready.masked));
  WEIR_TRY_ASSIGN(again, ServiceOperation::make(service, ready.masked_document.root()));
  ready.operation = std::move(again);
  return {};
}

/// What is asked of the provider that the path names.
pipeline::RawAsk read_ask(const ClientRequest& request) {
  const auto& segments = request.target.segments;
  pipeline::RawAsk ask;
  ask.method = request.exchange.head().method;
  for (std::size_t i = 2; i < segments.size(); ++i) ask.rest.append("/").append(segments[i]);
  if (request.target.ends_in_slash) ask.rest.append("/");
  ask.rest.append(without_credential(request.target.query.raw()));
  return ask;
}

}  // namespace

bool reads_body_itself(Endpoint endpoint) noexcept {
  return endpoint == Endpoint::passthrough || service_of(endpoint).has_value();
}

/// Of a body that is read here, where it is needed.
net::Task<Result<>> ServiceCalls::take_digest(ClientRequest& request, Upload& upload) {
  const net::http::RequestHead& head = request.exchange.head();
  if (!calls_.is_made_once(head)) co_return Result<>();
  std::string content_type(head.fields.find("content-type").value_or(""));
  auto digest = co_await kept_body_digest(upload, std::move(content_type));
  if (!digest) co_return std::move(digest).error();
  request.body_digest = *std::move(digest);
  co_return Result<>();
}

/// What is passed through, where content is logged.
net::Task<Result<>> ServiceCalls::take_outline(ClientRequest& request, const pipeline::RawAsk& ask,
                                               Upload& upload) {
  const auto bytes_max =
      static_cast<std::uint64_t>(request.snapshot->config().content_log.entry_bytes_max.bytes);
  const std::uint64_t size = ask.body == nullptr ? 0 : upload.size();
  std::string body(size <= bytes_max ? static_cast<std::size_t>(size) : 0, '\0');
  if (!body.empty()) {
    auto read = co_await upload.read(0, body);
    if (!read) co_return std::move(read).error();
  }
  request.body_outline = outline_of(ask, body, size);
  co_return Result<>();
}

net::Task<void> ServiceCalls::answer(ClientRequest& request, Service service) {
  WEIR_ASSERT(background_ != nullptr);
  ReadyCall ready;
  Upload upload(*background_, loop_, uploads_directory_);
  Result<> is_ready = read_head(request, ready);
  if (is_ready && ready.scanner) {
    is_ready =
        co_await upload.receive(request.exchange, upload_bytes_max(request), &*ready.scanner);
  } else if (is_ready) {
    is_ready = co_await request.exchange.read_body();
  }
  if (is_ready) {
    is_ready = read_body(request, service, upload, ready, calls_.keeps_content(request));
  }
  if (is_ready && ready.scanner) is_ready = co_await take_digest(request, upload);
  if (!is_ready) {
    co_await calls_.refuse_call(request, std::move(is_ready).error());
    co_return;
  }
  HttpChannel channel(request.exchange);
  static_cast<void>(
      co_await calls_.run(request, *ready.operation, std::move(ready.route), channel));
}

net::Task<void> ServiceCalls::pass_through(ClientRequest& request) {
  WEIR_ASSERT(background_ != nullptr);
  // The path has at least one segment behind its first: the provider's name.
  const std::string provider =
      net::http::percent_decode(request.target.segments[1]).value_or(std::string());
  auto route = request.snapshot->passthrough(provider);
  if (route && request.grant != nullptr && !request.grant->allows(**route)) {
    route = Error(ErrorCode::model_not_allowed, "this key is not for " + (*route)->name);
  }
  pipeline::RawAsk ask = read_ask(request);
  Upload upload(*background_, loop_, uploads_directory_);
  const net::http::RequestHead& head = request.exchange.head();
  Result<> received;
  if (route && head.framing != net::http::Framing::none) {
    ask.content_type = head.fields.find("content-type").value_or("application/octet-stream");
    ask.body = &upload;
    received = co_await upload.receive(request.exchange, upload_bytes_max(request), nullptr);
    if (received) received = co_await take_digest(request, upload);
  }
  if (route && received && calls_.keeps_content(request)) {
    received = co_await take_outline(request, ask, upload);
  }
  if (!route || !received) {
    Error error = route ? std::move(received).error() : std::move(route).error();
    co_await calls_.refuse_call(request, std::move(error));
    co_return;
  }
  pipeline::RawOperation operation(std::move(ask));
  HttpChannel channel(request.exchange);
  static_cast<void>(co_await calls_.run(request, operation, *std::move(route), channel));
}

}  // namespace weir::server
