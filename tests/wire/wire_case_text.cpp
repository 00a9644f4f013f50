// SPDX-License-Identifier: Apache-2.0
#include "wire_case_text.hpp"

#include <array>
#include <fstream>
#include <iterator>
#include <utility>

#include "json/writer.hpp"

namespace weir::wire::cases {
namespace {

struct QuirkName {
  std::string_view name;
  Quirk quirk;
};
constexpr std::array quirk_names{
    QuirkName{"max_tokens_old_name", Quirk::max_tokens_old_name},
    QuirkName{"no_stream_options", Quirk::no_stream_options},
    QuirkName{"no_developer_role", Quirk::no_developer_role},
    QuirkName{"mistral_ids", Quirk::mistral_ids},
    QuirkName{"seed_is_random_seed", Quirk::seed_is_random_seed},
    QuirkName{"strict_roles", Quirk::strict_roles},
    QuirkName{"reasoning_outside_completion", Quirk::reasoning_outside_completion},
    QuirkName{"no_n", Quirk::no_n},
    QuirkName{"no_logprobs", Quirk::no_logprobs},
    QuirkName{"no_logit_bias", Quirk::no_logit_bias},
    QuirkName{"no_names", Quirk::no_names},
    QuirkName{"no_metadata", Quirk::no_metadata},
    QuirkName{"no_parallel_switch", Quirk::no_parallel_switch},
    QuirkName{"no_penalties", Quirk::no_penalties},
    QuirkName{"logprobs_is_integer", Quirk::logprobs_is_integer},
    QuirkName{"no_tool_choice", Quirk::no_tool_choice},
    QuirkName{"no_json_schema", Quirk::no_json_schema},
    QuirkName{"replay_reasoning", Quirk::replay_reasoning},
    QuirkName{"no_user", Quirk::no_user},
    QuirkName{"required_is_any", Quirk::required_is_any},
    QuirkName{"reasoning_effort_hint", Quirk::reasoning_effort_hint},
    QuirkName{"takes_top_k", Quirk::takes_top_k},
    QuirkName{"takes_cache_control", Quirk::takes_cache_control},
};

constexpr std::array<std::string_view, 12> event_names{"start",
                                                       "text",
                                                       "refusal",
                                                       "reasoning",
                                                       "reasoning_signature",
                                                       "reasoning_encrypted",
                                                       "tool_call_begin",
                                                       "tool_call_delta",
                                                       "tool_call_end",
                                                       "usage",
                                                       "finish",
                                                       "error"};
constexpr std::array<std::string_view, 3> tool_kind_names{"function", "custom", "hosted"};

std::string difference_at(const std::string& path, json::Value expected, json::Value actual) {
  const auto differs = [&] {
    return path + ": expected " + std::string(expected.raw()) + ", got " +
           std::string(actual.raw());
  };
  if (expected.kind() != actual.kind()) return differs();
  switch (expected.kind()) {
    case json::Kind::null:
      return {};
    case json::Kind::boolean:
      return expected.as_bool() == actual.as_bool() ? "" : differs();
    case json::Kind::number:
      return expected.as_double() == actual.as_double() ? "" : differs();
    case json::Kind::string:
      return expected.as_string() == actual.as_string() ? "" : differs();
    case json::Kind::array: {
      if (expected.size() != actual.size()) return differs();
      auto other = actual.elements().begin();
      std::size_t i = 0;
      for (const json::Value element : expected.elements()) {
        auto found = difference_at(path + "[" + std::to_string(i++) + "]", element, *other);
        if (!found.empty()) return found;
        ++other;
      }
      return {};
    }
    case json::Kind::object:
      break;
  }
  for (const json::Member member : expected.members()) {
    const std::string key = member.key.as_string();
    const auto other = actual.find(key);
    if (!other) return path + "." + key + ": missing, expected " + std::string(member.value.raw());
    auto found = difference_at(path + "." + key, member.value, *other);
    if (!found.empty()) return found;
  }
  for (const json::Member member : actual.members()) {
    const std::string key = member.key.as_string();
    if (!expected.find(key)) {
      return path + "." + key + ": unexpected " + std::string(member.value.raw());
    }
  }
  return expected.size() == actual.size() ? std::string() : path + ": a member stands there twice";
}

void append_pretty(std::string& out, json::Value value, std::size_t depth) {
  const auto new_line = [&](std::size_t level) { out.append("\n").append(level * 2, ' '); };
  const bool is_object = value.is_object();
  if ((!is_object && !value.is_array()) || value.size() == 0) {
    json::append_compact(out, value.raw());
    return;
  }
  out.push_back(is_object ? '{' : '[');
  bool is_first = true;
  const auto separate = [&] {
    if (!std::exchange(is_first, false)) out.push_back(',');
    new_line(depth + 1);
  };
  if (is_object) {
    for (const json::Member member : value.members()) {
      separate();
      out.append(member.key.raw()).append(": ");
      append_pretty(out, member.value, depth + 1);
    }
  } else {
    for (const json::Value element : value.elements()) {
      separate();
      append_pretty(out, element, depth + 1);
    }
  }
  new_line(depth);
  out.push_back(is_object ? '}' : ']');
}

void write_set(json::Writer& json, std::string_view key, std::string_view text) {
  if (!text.empty()) json.member(key, text);
}
void write_set(json::Writer& json, std::string_view key, std::int64_t value) {
  if (value != 0) json.member(key, value);
}

void write_usage(json::Writer& json, const Usage& usage) {
  json.begin_object();
  write_set(json, "input", usage.input);
  write_set(json, "input_cache_read", usage.input_cache_read);
  write_set(json, "input_cache_write", usage.input_cache_write);
  write_set(json, "input_cache_write_1h", usage.input_cache_write_1h);
  write_set(json, "output", usage.output);
  write_set(json, "output_reasoning", usage.output_reasoning);
  write_set(json, "input_audio", usage.input_audio);
  write_set(json, "output_audio", usage.output_audio);
  write_set(json, "accepted_prediction", usage.accepted_prediction);
  write_set(json, "rejected_prediction", usage.rejected_prediction);
  if (usage.cost_nanousd) json.member("cost_nanousd", *usage.cost_nanousd);
  json.end_object();
}

void write_fault(json::Writer& json, const UpstreamFault& fault) {
  json.begin_object();
  write_set(json, "status", fault.status);
  write_set(json, "type", fault.type);
  write_set(json, "code", fault.code);
  write_set(json, "message", fault.message);
  write_set(json, "param", fault.param);
  write_set(json, "reason", fault.reason);
  if (fault.retry_after_ms) json.member("retry_after_ms", *fault.retry_after_ms);
  json.end_object();
}

}  // namespace

std::optional<std::string> read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    if (end != 0) lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

std::string difference(json::Value expected, json::Value actual) {
  return difference_at("$", expected, actual);
}

std::string text_difference(std::string_view expected, std::string_view actual) {
  json::Document wanted;
  json::Document got;
  if (auto parsed = wanted.parse(expected); !parsed) return "expected: " + parsed.error().message;
  if (auto parsed = got.parse(actual); !parsed) {
    return "got: " + parsed.error().message + " in " + std::string(actual);
  }
  return difference(wanted.root(), got.root());
}

std::string pretty(json::Value value) {
  std::string out;
  append_pretty(out, value, 0);
  out.push_back('\n');
  return out;
}

std::string event_line(const StreamEvent& event) {
  using Type = StreamEvent::Type;
  std::string out;
  json::Writer json(out);
  json.begin_object().member("type", event_names[static_cast<std::size_t>(event.type)]);
  write_set(json, "choice", event.choice);
  const bool is_tool = event.type == Type::tool_call_begin || event.type == Type::tool_call_delta ||
                       event.type == Type::tool_call_end;
  if (is_tool) json.member("tool", event.tool);
  if (event.tool_kind != ToolKind::function) {
    json.member("tool_kind", tool_kind_names[static_cast<std::size_t>(event.tool_kind)]);
  }
  write_set(json, "id", event.id);
  write_set(json, "model", event.model);
  write_set(json, "created", event.created);
  write_set(json, "name", event.name);
  write_set(json, "text", event.text);
  write_set(json, "signature", event.signature);
  write_set(json, "sealed_by", seal_format(event.sealed_by));
  if (!event.logprobs.empty()) json.key("logprobs").raw(event.logprobs);
  if (event.finish != Finish::none) json.member("finish", name(event.finish));
  write_set(json, "stop_sequence", event.stop_sequence);
  if (event.usage != nullptr) write_usage(json.key("usage"), *event.usage);
  if (event.fault != nullptr) write_fault(json.key("fault"), *event.fault);
  json.end_object();
  return out;
}

std::string fault_text(const UpstreamFault& fault) {
  std::string out;
  json::Writer json(out);
  write_fault(json, fault);
  return out;
}

std::vector<std::string> read_options(std::string_view text, EncodeOptions& options) {
  std::vector<std::string> unknown;
  for (auto& word : lines_of(text)) {
    bool is_quirk = false;
    for (const auto& row : quirk_names) {
      if (row.name != word) continue;
      options.quirks = options.quirks | row.quirk;
      is_quirk = true;
    }
    if (is_quirk) continue;
    if (word == "model_reasons") {
      options.traits.reasons = true;
    } else if (word == "model_takes_no_sampling") {
      options.traits.takes_sampling = false;
    } else if (word == "model_takes_prefill") {
      options.traits.takes_prefill = true;
    } else if (word == "model_takes_no_json_schema") {
      options.traits.takes_json_schema = false;
    } else {
      unknown.push_back(std::move(word));
    }
  }
  return unknown;
}

}  // namespace weir::wire::cases
