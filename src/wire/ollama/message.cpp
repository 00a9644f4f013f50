// SPDX-License-Identifier: Apache-2.0
#include "wire/ollama/message.hpp"

#include <algorithm>

#include "json/document.hpp"
#include "wire/members.hpp"
#include "wire/ollama/timestamp.hpp"

namespace weir::wire::ollama {
namespace {

/// The arguments are an object; the text of one is taken too, since clients that also speak
/// OpenAI's format mix the two up.
std::string read_arguments(json::ObjectReader& function) {
  const auto arguments = function.value("arguments");
  if (!arguments || arguments->is_null()) return "{}";
  if (arguments->is_object()) return std::string(arguments->raw());
  if (arguments->is_string()) return arguments->as_string();
  function.fail("arguments", "expected an object, got " + std::string(name(arguments->kind())));
  return {};
}

ToolCall read_tool_call(json::Value value, const json::Path& path, json::Problem& problem) {
  json::ObjectReader reader(value, path, problem);
  ToolCall call;
  call.place = place_of(value);
  call.id = reader.string("id").value_or("");
  if (const auto function = reader.object("function")) {
    const json::Path function_path = reader.path("function");
    json::ObjectReader inner(*function, function_path, problem);
    call.name = inner.required_string("name");
    inner.skip("index");  // its place in the list says the same
    call.arguments = read_arguments(inner);
    keep_unread_of(inner, "function", call.extra);
  } else {
    reader.fail("function", "is required");
  }
  keep_unread(reader, call.extra);
  return call;
}

void read_answer_message(json::ObjectReader& reader, std::size_t& call_ordinal, Answer& answer) {
  const auto message = reader.object("message");
  if (!message) return;
  const json::Path path = reader.path("message");
  json::ObjectReader inner(*message, path, reader.problem());
  inner.skip("role");
  answer.content = inner.string("content").value_or("");
  answer.thinking = inner.string("thinking").value_or("");
  answer.calls = read_tool_calls(inner, answer.created_at, call_ordinal);
  keep_unread_of(inner, "message", answer.message_extra);
}

}  // namespace

std::string derived_call_id(std::string_view seed, std::size_t ordinal) {
  constexpr std::string_view hex = "0123456789abcdef";
  std::uint64_t hash = 14695981039346656037ULL;  // FNV-1a
  const auto mix = [&](unsigned char byte) { hash = (hash ^ byte) * 1099511628211ULL; };
  for (const char c : seed) mix(static_cast<unsigned char>(c));
  for (int shift = 0; shift < 64; shift += 8) mix(static_cast<unsigned char>(ordinal >> shift));
  std::string id = "call_";
  for (int shift = 60; shift >= 0; shift -= 4) id.push_back(hex[(hash >> shift) & 15U]);
  return id;
}

std::vector<ToolCall> read_tool_calls(json::ObjectReader& message, std::string_view id_seed,
                                      std::size_t& ordinal) {
  std::vector<ToolCall> calls;
  const auto list = message.array("tool_calls");
  if (!list) return calls;
  const json::Path list_path = message.path("tool_calls");
  std::size_t i = 0;
  for (const json::Value element : list->elements()) {
    const json::Path path{&list_path, {}, i++};
    calls.push_back(read_tool_call(element, path, message.problem()));
    if (calls.back().id.empty()) calls.back().id = derived_call_id(id_seed, ordinal);
    ++ordinal;
  }
  return calls;
}

void write_tool_call(json::Writer& json, const ToolCall& call, std::int64_t index,
                     bool keeps_extra) {
  json.begin_object();
  if (!call.id.empty()) json.member("id", call.id);
  if (keeps_extra) write_extra_except(json, call.extra, "function");
  json.key("function").begin_object();
  std::string arguments;
  append_arguments_object(arguments, call.arguments);
  json.member("index", index).member("name", call.name).key("arguments").raw(arguments);
  const std::string* others = keeps_extra ? call.extra.find("function") : nullptr;
  if (others != nullptr) write_members_of(json, *others);
  json.end_object().end_object();
}

Answer read_answer(json::ObjectReader& reader, std::size_t& call_ordinal) {
  Answer answer;
  answer.model = reader.string("model").value_or("");
  answer.created_at = reader.string("created_at").value_or("");
  answer.created = parse_timestamp(answer.created_at).value_or(0);
  read_answer_message(reader, call_ordinal, answer);
  answer.is_done = reader.boolean("done").value_or(false);
  answer.done_reason = reader.string("done_reason").value_or("");
  answer.usage.input = told_count(reader.value("prompt_eval_count"), answer.usage.is_impossible);
  answer.usage.output = told_count(reader.value("eval_count"), answer.usage.is_impossible);
  if (const auto logprobs = reader.array("logprobs"); logprobs && logprobs->size() > 0) {
    answer.logprobs.append("{\"content\":").append(logprobs->raw()).append("}");
  }
  return answer;
}

Usage read_counters(json::Value answer) {
  Usage usage;
  usage.input = told_count(answer.find("prompt_eval_count"), usage.is_impossible);
  usage.output = told_count(answer.find("eval_count"), usage.is_impossible);
  return usage;
}

Finish finish_of(std::string_view done_reason, bool has_calls) noexcept {
  if (done_reason == "length") return Finish::length;
  return has_calls ? Finish::tool_calls : Finish::stop;
}

std::string_view done_reason_of(Finish finish) noexcept {
  return finish == Finish::length ? "length" : "stop";
}

void write_counters(json::Writer& json, const Usage& usage) {
  if (usage.input_total() != 0) json.member("prompt_eval_count", usage.input_total());
  if (usage.output_total() != 0) json.member("eval_count", usage.output_total());
}

void write_durations(json::Writer& json, std::int64_t total_ns, std::int64_t first_ns) {
  const std::int64_t total = std::max<std::int64_t>(1, total_ns);  // clients divide by it
  const std::int64_t prompt = first_ns < total ? first_ns : 0;
  json.member("total_duration", total).member("load_duration", 0);
  json.member("prompt_eval_duration", prompt).member("eval_duration", total - prompt);
}

void write_logprobs(json::Writer& json, std::string_view logprobs) {
  const std::string entries = logprob_entries(logprobs);
  if (entries != "[]") json.key("logprobs").raw(entries);
}

}  // namespace weir::wire::ollama
