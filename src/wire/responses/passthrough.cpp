// SPDX-License-Identifier: Apache-2.0
#include "wire/responses/passthrough.hpp"

#include <algorithm>
#include <array>

#include "json/object_reader.hpp"
#include "wire/fault.hpp"
#include "wire/quantities.hpp"
#include "wire/responses/answer.hpp"
#include "wire/responses/items.hpp"
#include "wire/routing_members.hpp"

namespace weir::wire::responses {
namespace {

bool is_set(std::optional<json::Value> value) { return value && !value->is_null(); }

void peek_part(json::Value part, RequestPeek& peek) {
  const auto type = part.find("type");
  if (!type) return;
  if (type->equals("input_image")) {
    ++peek.images;
  } else if (type->equals("input_file")) {
    peek.uses_files = true;
  } else if (type->equals("input_audio")) {
    peek.uses_audio = true;
  } else {
    peek.text_bytes += string_bytes(part.find("text")) + string_bytes(part.find("refusal"));
  }
}

void peek_parts(std::optional<json::Value> content, RequestPeek& peek) {
  peek.text_bytes += string_bytes(content);
  if (!content || !content->is_array()) return;
  for (const json::Value part : content->elements()) peek_part(part, peek);
}

bool is_made_by_us(json::Value item) {
  const auto id = item.find("id");
  std::string scratch;
  const bool has_our_id = id && id->is_string() && is_derived_item_id(id->as_string_view(scratch));
  return has_our_id || item.find("signature") || item.find("format");
}

/// Only what we wrote for other vendors' models says whose it is.
void peek_seal(json::Value item, RequestPeek& peek) {
  const bool is_encrypted = string_bytes(item.find("encrypted_content")) > 0;
  const bool is_signed = string_bytes(item.find("signature")) > 0;
  if (!is_encrypted && !is_signed) return;
  const auto type = item.find("type");
  if (type && type->equals("function_call")) return peek.note_seal(Vendor::google);
  const auto format = item.find("format");
  std::string scratch;
  if (format && format->is_string()) {
    peek.note_seal(vendor_of_seal_format(format->as_string_view(scratch)));
  } else if (is_encrypted) {
    peek.note_seal(Vendor::openai);
  }
}

void peek_item(json::Value item, RequestPeek& peek) {
  peek.has_foreign_items = peek.has_foreign_items || is_made_by_us(item);
  peek_seal(item, peek);
  peek_parts(item.find("content"), peek);
  peek_parts(item.find("summary"), peek);
  peek_parts(item.find("output"), peek);
  for (const std::string_view key : {"arguments", "input"}) {
    const auto arguments = item.find(key);
    if (!arguments || !arguments->is_string()) continue;
    peek.uses_tools = true;
    peek.text_bytes += string_bytes(arguments);
  }
}

void peek_input(json::ObjectReader& root, RequestPeek& peek) {
  peek.text_bytes += string_bytes(root.value("instructions"));
  const auto input = root.value("input");
  if (!is_set(input)) return;
  if (!input->is_string() && !input->is_array()) {
    return root.fail("input", "expected a string or an array");
  }
  peek.text_bytes += string_bytes(input);
  if (!input->is_array()) return;
  const json::Path path = root.path("input");
  std::size_t i = 0;
  for (const json::Value item : input->elements()) {
    const json::Path element{&path, {}, i++};
    if (!item.is_object()) {
      root.problem().set(ErrorCode::invalid_request, element, "expected an object");
      continue;
    }
    peek_item(item, peek);
  }
}

void peek_format(json::ObjectReader& root, RequestPeek& peek) {
  const auto text = root.object("text");
  const auto format = text ? text->find("format") : std::nullopt;
  const auto type = format ? format->find("type") : std::nullopt;
  if (!type) return;
  peek.uses_json_object = type->equals("json_object");
  peek.uses_json_schema = type->equals("json_schema");
}

void peek_settings(json::ObjectReader& root, RequestPeek& peek) {
  peek.stream = root.boolean("stream").value_or(false);
  peek.output_tokens_max = root.integer("max_output_tokens", 1, tokens_asked_max);
  peek.user = root.string("safety_identifier").value_or("");
  if (peek.user.empty()) peek.user = root.string("user").value_or("");
  if (const auto tools = root.array("tools"); tools && tools->size() > 0) {
    peek.uses_tools = true;
    peek.text_bytes += tools->raw().size();
  }
  if (const auto include = root.array("include")) {
    for (const json::Value word : include->elements()) {
      if (word.equals("message.output_text.logprobs")) peek.uses_logprobs = true;
    }
  }
  if (const auto reasoning = root.object("reasoning")) {
    const auto effort = reasoning->find("effort");
    peek.asks_reasoning = is_set(effort) && !effort->equals("none");
  }
}

/// What the event of a stream says by its type.
enum class Meaning : std::uint8_t { other, begun, content, ended, failed };

struct EventRow {
  std::string_view type;
  Meaning meaning;
};

// What is not listed are the steps of hosted tools, and what repeats or announces pieces.
constexpr std::array event_rows{
    EventRow{"response.created", Meaning::begun},
    EventRow{"response.queued", Meaning::begun},
    EventRow{"response.in_progress", Meaning::begun},
    EventRow{"response.output_text.delta", Meaning::content},
    EventRow{"response.output_item.done", Meaning::content},
    EventRow{"response.refusal.delta", Meaning::content},
    EventRow{"response.reasoning_text.delta", Meaning::content},
    EventRow{"response.reasoning_summary_text.delta", Meaning::content},
    EventRow{"response.function_call_arguments.delta", Meaning::content},
    EventRow{"response.custom_tool_call_input.delta", Meaning::content},
    EventRow{"response.mcp_call_arguments.delta", Meaning::content},
    EventRow{"response.code_interpreter_call_code.delta", Meaning::content},
    EventRow{"response.image_generation_call.partial_image", Meaning::content},
    EventRow{"response.completed", Meaning::ended},
    EventRow{"response.incomplete", Meaning::ended},
    EventRow{"response.failed", Meaning::failed},
    EventRow{"error", Meaning::failed},
};

Meaning meaning_of(std::string_view type) {
  const auto* row = std::find_if(event_rows.begin(), event_rows.end(),
                                 [&](const EventRow& each) { return each.type == type; });
  return row == event_rows.end() ? Meaning::other : row->meaning;
}

bool has_calls(json::Value response) {
  const auto output = response.find("output");
  if (!output || !output->is_array()) return false;
  for (const json::Value item : output->elements()) {
    const auto type = item.find("type");
    if (type && (type->equals("function_call") || type->equals("custom_tool_call"))) return true;
  }
  return false;
}

Finish finish_of_response(json::Value response) {
  const auto status = response.find("status");
  if (!status || !status->is_string()) return Finish::none;
  std::string scratch;
  return finish_of(status->as_string_view(scratch), incomplete_reason(response),
                   has_calls(response));
}

std::optional<Usage> usage_of(json::Value response) {
  const auto usage = response.find("usage");
  if (!usage || !usage->is_object()) return std::nullopt;
  json::Problem problem;
  const json::Path path;
  Usage counted = read_usage(*usage, path, problem);
  if (problem.is_set()) return std::nullopt;
  return counted;
}

std::size_t parts_bytes(std::optional<json::Value> parts) {
  std::size_t bytes = 0;
  if (!parts || !parts->is_array()) return bytes;
  for (const json::Value part : parts->elements()) bytes += member_bytes(part, {"text", "refusal"});
  return bytes;
}

/// What is said in an item of the output: a message, thoughts, a call.
std::size_t said_in(json::Value item) {
  if (!item.is_object()) return 0;
  return parts_bytes(item.find("content")) + parts_bytes(item.find("summary")) +
         member_bytes(item, {"name"}) + member_bytes(item, {"arguments", "input", "code"});
}

bool is_true(std::optional<json::Value> value) {
  return value && value->is_boolean() && value->as_bool();
}

class ResponseWatcher final : public StreamWatcher {
 public:
  FrameWatch watch(std::string_view type, std::string_view data) override {
    FrameWatch watch;
    if (data == "[DONE]") {  // not of this format, but some servers send it
      watch.is_terminator = true;
      return watch;
    }
    if (!read_frame(data, document_, watch)) return watch;
    const json::Value root = document_.root();
    std::string scratch;
    if (const auto own = root.find("type"); own && own->is_string()) {
      type = own->as_string_view(scratch);
    }
    watch.ends_text = type.ends_with(".done");
    const auto response = root.find("response");
    switch (meaning_of(type)) {
      case Meaning::other:
        break;
      case Meaning::begun:
        // One in the background goes on without us: its id is what the client must get.
        watch.is_content = response && is_true(response->find("background"));
        take_id(response, watch);
        break;
      case Meaning::content:
        watch.is_content = true;
        watch.content_bytes = member_bytes(root, {"delta"});
        break;
      case Meaning::ended:
        take_end(response, watch);
        break;
      case Meaning::failed:
        watch.fault = read_fault(0, response && is_fault(*response) ? response->raw() : data);
        break;
    }
    return watch;
  }

  [[nodiscard]] bool is_complete() const override { return is_complete_; }

 private:
  static void take_id(std::optional<json::Value> response, FrameWatch& watch) {
    const auto id = response ? response->find("id") : std::nullopt;
    if (id && id->is_string()) watch.answer_id = id->as_string();
  }

  void take_end(std::optional<json::Value> response, FrameWatch& watch) {
    watch.is_content = watch.is_terminator = is_complete_ = true;
    watch.finishes = 1;
    watch.finish = Finish::stop;
    if (!response || !response->is_object()) return;
    take_id(response, watch);
    watch.usage = usage_of(*response);
    watch.finish = finish_of_response(*response);
  }

  json::Document document_;
  bool is_complete_ = false;
};

}  // namespace

Result<RequestPeek> peek_request(json::Value root) {
  json::Problem problem;
  const json::Path path;
  json::ObjectReader reader(root, path, problem);
  RequestPeek peek;
  peek.wants_stream_usage = true;  // its streams always tell it
  refuse_routing_members(root, problem);
  peek.model = reader.string("model").value_or("");
  peek_input(reader, peek);
  peek_format(reader, peek);
  peek_settings(reader, peek);
  WEIR_TRY(problem.result());
  return peek;
}

void patch_request(json::Value root, const RequestPatch& patch, std::string& out) {
  patch_model(root, patch, out);
}

ResponseWatch watch_response(json::Value root, Quirks /*quirks*/) {
  ResponseWatch watch;
  const auto output = root.find("output");
  watch.has_answer = output && output->is_array();
  watch.usage = usage_of(root);
  if (watch.has_answer) {
    for (const json::Value item : output->elements()) watch.content_bytes += said_in(item);
  }
  watch.finish = finish_of_response(root);
  if (const auto id = root.find("id"); id && id->is_string()) {
    watch.id = ValueSpan{id->offset(), id->raw().size()};
  }
  return watch;
}

std::unique_ptr<StreamWatcher> make_stream_watcher(Quirks /*quirks*/, std::int64_t /*choices*/) {
  return std::make_unique<ResponseWatcher>();
}

}  // namespace weir::wire::responses
