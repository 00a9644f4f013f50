// SPDX-License-Identifier: Apache-2.0
#include "wire/responses/answer.hpp"

#include <algorithm>
#include <array>

#include "wire/members.hpp"
#include "wire/responses/codec.hpp"

namespace weir::wire::responses {
namespace {

/// A member of the object `key` inside `reader`; 0 when either is absent.
std::int64_t read_detail(json::ObjectReader& reader, std::string_view key, std::string_view member,
                         bool& is_impossible) {
  const auto details = reader.object(key);
  return details ? told_count(details->find(member), is_impossible) : 0;
}

}  // namespace

Usage read_usage(json::Value value, const json::Path& path, json::Problem& problem) {
  json::ObjectReader reader(value, path, problem);
  Usage usage;
  const std::int64_t input = told_count(reader.value("input_tokens"), usage.is_impossible);
  usage.input_cache_read =
      read_detail(reader, "input_tokens_details", "cached_tokens", usage.is_impossible);
  usage.input_cache_write =
      read_detail(reader, "input_tokens_details", "cache_write_tokens", usage.is_impossible);
  const std::int64_t uncached = input - usage.input_cache_read;
  usage.input = std::max<std::int64_t>(0, uncached - usage.input_cache_write);
  const std::int64_t output = told_count(reader.value("output_tokens"), usage.is_impossible);
  usage.output_reasoning =
      read_detail(reader, "output_tokens_details", "reasoning_tokens", usage.is_impossible);
  usage.output = std::max<std::int64_t>(0, output - usage.output_reasoning);
  return usage;
}

void write_usage(json::Writer& json, const Usage& usage) {
  const std::int64_t written = usage.input_cache_write + usage.input_cache_write_1h;
  json.begin_object().member("input_tokens", usage.input_total());
  json.key("input_tokens_details").begin_object().member("cached_tokens", usage.input_cache_read);
  if (written != 0) json.member("cache_write_tokens", written);
  json.end_object().member("output_tokens", usage.output_total());
  json.key("output_tokens_details").begin_object();
  json.member("reasoning_tokens", usage.output_reasoning).end_object();
  json.member("total_tokens", usage.input_total() + usage.output_total()).end_object();
}

Finish finish_of(std::string_view status, std::string_view incomplete_reason,
                 bool has_calls) noexcept {
  if (status == "incomplete") {
    return incomplete_reason == "content_filter" ? Finish::content_filter : Finish::length;
  }
  if (status == "in_progress" || status == "queued") return Finish::none;
  if (status == "failed" || status == "cancelled") return Finish::other;
  return has_calls ? Finish::tool_calls : Finish::stop;
}

std::string_view status_of(Finish finish) noexcept {
  switch (finish) {
    case Finish::none:
      return "in_progress";
    case Finish::length:
    case Finish::content_filter:
      return "incomplete";
    case Finish::other:
      return "failed";
    case Finish::stop:
    case Finish::stop_sequence:
    case Finish::tool_calls:
    case Finish::pause:
      return "completed";
  }
  return "completed";
}

std::string incomplete_reason(json::Value response) {
  const auto details = response.find("incomplete_details");
  const auto reason = details ? details->find("reason") : std::nullopt;
  return reason && reason->is_string() ? reason->as_string() : std::string();
}

void write_answer(json::Writer& json, const AnswerHead& head, std::string_view output) {
  json.member("id", head.id).member("object", "response").member("created_at", head.created);
  json.key("status");
  if (head.status_json.empty()) {
    json.string(status_of(head.finish));
  } else {
    json.raw(head.status_json);
  }
  json.key("incomplete_details");
  if (head.finish == Finish::length || head.finish == Finish::content_filter) {
    const bool is_length = head.finish == Finish::length;
    json.begin_object();
    json.member("reason", is_length ? "max_output_tokens" : "content_filter").end_object();
  } else {
    json.null();
  }
  json.member("model", head.model).key("output").raw(output).key("usage");
  if (!head.usage_json.empty()) {
    json.raw(head.usage_json);
  } else if (head.usage != nullptr) {
    write_usage(json, *head.usage);
  } else {
    json.null();
  }
}

std::string request_echo(json::Value request) {
  struct Row {
    std::string_view name;
    std::string_view unset;  ///< empty: left out
  };
  // The tier is the one that was used, so it is the answer's to say.
  static constexpr std::array rows{
      Row{"background", "false"},
      Row{"instructions", "null"},
      Row{"max_output_tokens", "null"},
      Row{"max_tool_calls", "null"},
      Row{"metadata", "{}"},
      Row{"parallel_tool_calls", "true"},
      Row{"previous_response_id", "null"},
      Row{"prompt_cache_key", ""},
      Row{"reasoning", R"({"effort":null,"summary":null})"},
      Row{"safety_identifier", ""},
      Row{"store", "true"},
      Row{"temperature", "1"},
      Row{"text", R"({"format":{"type":"text"}})"},
      Row{"tool_choice", R"("auto")"},
      Row{"tools", "[]"},
      Row{"top_logprobs", ""},
      Row{"top_p", "1"},
      Row{"truncation", R"("disabled")"},
      Row{"user", ""},
  };
  std::string object;
  json::Writer json(object);
  json.begin_object();
  for (const Row& row : rows) {
    const auto said = request.find(row.name);
    if (said && !said->is_null()) {
      json::append_compact(json.key(row.name).raw({}).out(), said->raw());
    } else if (!row.unset.empty()) {
      json.key(row.name).raw(row.unset);
    }
  }
  json.end_object();
  return object;
}

void write_foreign_members(json::Writer& json, Finish finish, std::string_view echo) {
  json.key("error");
  if (finish == Finish::other) {
    json.begin_object().member("code", "server_error");
    json.member("message", "the model gave no usable answer").end_object();
  } else {
    json.null();
  }
  if (!echo.empty()) {
    json.members(echo);
    return;
  }
  json.key("instructions").null().key("metadata").raw("{}");
  json.member("parallel_tool_calls", true).key("temperature").null();
  json.member("tool_choice", "auto").key("tools").raw("[]").key("top_p").null();
}

}  // namespace weir::wire::responses
