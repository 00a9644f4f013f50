// SPDX-License-Identifier: Apache-2.0
#include "wire/openai/passthrough.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/assert.hpp"
#include "json/object_reader.hpp"
#include "json/writer.hpp"
#include "wire/fault.hpp"
#include "wire/openai/reasoning.hpp"
#include "wire/openai/usage.hpp"
#include "wire/quantities.hpp"
#include "wire/routing_members.hpp"

namespace weir::wire::openai {
namespace {

void peek_part(json::Value part, const json::Path& path, json::Problem& problem,
               RequestPeek& peek) {
  json::ObjectReader reader(part, path, problem);
  const auto type = reader.value("type");
  if (!type) return;
  if (type->equals("image_url")) {
    ++peek.images;
  } else if (type->equals("input_audio")) {
    peek.uses_audio = true;
  } else if (type->equals("file")) {
    peek.uses_files = true;
  } else {
    peek.text_bytes += string_bytes(reader.value("text"));
  }
}

void peek_content(json::ObjectReader& message, RequestPeek& peek) {
  const auto content = message.value("content");
  if (!content || content->is_null()) return;
  if (!content->is_string() && !content->is_array()) {
    return message.fail("content", "must be a string or an array of parts");
  }
  peek.text_bytes += string_bytes(content);
  if (!content->is_array()) return;
  const json::Path path = message.path("content");
  std::size_t i = 0;
  for (const json::Value part : content->elements()) {
    const json::Path element{&path, {}, i++};
    peek_part(part, element, message.problem(), peek);
  }
}

/// Seals of the models behind this message, in the members that routers carry them in.
void peek_seals(json::Value message, RequestPeek& peek) {
  const auto details = message.find("reasoning_details");
  if (details && details->is_array()) {
    for (const json::Value entry : details->elements()) {
      const auto detail = entry.is_object() ? read_reasoning_detail(entry) : std::nullopt;
      if (!detail || (detail->signature.empty() && detail->encrypted.empty())) continue;
      peek.note_seal(detail->sealed_by);
    }
  }
  const auto calls = message.find("tool_calls");
  if (!calls || !calls->is_array()) return;
  for (const json::Value call : calls->elements()) {
    if (call.is_object() && !thought_signature(call).empty()) peek.note_seal(Vendor::google);
  }
}

void peek_messages(json::ObjectReader& root, RequestPeek& peek) {
  const auto messages = root.array("messages");
  if (!messages) return root.fail("messages", "is required");
  const json::Path path = root.path("messages");
  std::size_t i = 0;
  for (const json::Value value : messages->elements()) {
    const json::Path element{&path, {}, i++};
    json::ObjectReader message(value, element, root.problem());
    peek_content(message, peek);
    const auto role = message.value("role");
    if (!role || !role->is_string()) message.fail("role", "is required");
    if (role && role->equals("assistant")) peek_seals(value, peek);
    if (const auto calls = message.array("tool_calls")) {
      peek.text_bytes += calls->raw().size();
      peek.uses_tools = true;
    }
  }
}

bool is_set(std::optional<json::Value> value) { return value && !value->is_null(); }

void peek_tools(json::ObjectReader& root, RequestPeek& peek) {
  for (const std::string_view member : {"tools", "functions"}) {
    const auto tools = root.array(member);
    if (!tools || tools->size() == 0) continue;
    peek.uses_tools = true;
    peek.text_bytes += tools->raw().size();
  }
}

void peek_format(json::ObjectReader& root, RequestPeek& peek) {
  const auto format = root.object("response_format");
  if (!format) return;
  const json::Path path = root.path("response_format");
  json::ObjectReader reader(*format, path, root.problem());
  const std::string type = reader.required_string("type");
  peek.uses_json_object = type == "json_object";
  peek.uses_json_schema = type == "json_schema";
}

void peek_settings(json::ObjectReader& root, RequestPeek& peek) {
  peek.stream = root.boolean("stream").value_or(false);
  if (const auto options = root.object("stream_options")) {
    const json::Path path = root.path("stream_options");
    json::ObjectReader reader(*options, path, root.problem());
    peek.wants_stream_usage = reader.boolean("include_usage").value_or(false);
  }
  const auto old_limit = root.integer("max_tokens", 1, tokens_asked_max);
  peek.output_tokens_max = root.integer("max_completion_tokens", 1, tokens_asked_max);
  if (!peek.output_tokens_max) peek.output_tokens_max = old_limit;
  peek.n = root.integer("n", 1, choices_max).value_or(1);
  peek.user = root.string("user").value_or("");
  if (auto identifier = root.string("safety_identifier")) peek.user = std::move(*identifier);
  const auto logprobs = root.value("logprobs");
  peek.uses_logprobs = is_set(logprobs) && !(logprobs->is_boolean() && !logprobs->as_bool());
  peek.uses_audio = peek.uses_audio || is_set(root.value("audio"));
  peek.asks_reasoning = is_set(root.value("reasoning_effort")) || is_set(root.value("reasoning")) ||
                        is_set(root.value("thinking"));
}

/// Asks for usage in the stream, whatever `stream_options` is so far.
Splice usage_splice(json::Value root) {
  constexpr std::string_view wanted = "\"include_usage\":true";
  const auto options = root.find("stream_options");
  if (!options) {
    // A request has at least its model, so a comma is right.
    const std::size_t closing = root.offset() + root.raw().size() - 1;
    return {closing, 0, ",\"stream_options\":{" + std::string(wanted) + "}"};
  }
  if (!options->is_object()) {
    return {options->offset(), options->raw().size(), "{" + std::string(wanted) + "}"};
  }
  if (const auto usage = options->find("include_usage")) {
    return {usage->offset(), usage->raw().size(), "true"};
  }
  return {options->offset() + 1, 0, std::string(wanted) + (options->size() > 0 ? "," : "")};
}

bool is_filled(json::Value value) {
  if (value.is_string()) return value.raw().size() > 2;
  return (value.is_object() || value.is_array()) && value.size() > 0;
}

std::size_t call_bytes(json::Value function) {
  return member_bytes(function, {"name"}) + member_bytes(function, {"arguments"});
}

std::size_t calls_bytes(json::Value calls) {
  std::size_t bytes = 0;
  if (!calls.is_array()) return bytes;
  for (const json::Value call : calls.elements()) {
    const auto function = call.is_object() ? call.find("function") : std::nullopt;
    if (function) bytes += call_bytes(*function);
  }
  return bytes;
}

/// Of text, or of parts of it; Mistral's thoughts are parts in parts.
std::size_t parts_bytes(json::Value content) {
  if (!content.is_array()) return string_bytes(content);
  std::size_t bytes = 0;
  for (const json::Value part : content.elements()) {
    if (!part.is_object()) continue;
    const auto thinking = part.find("thinking");
    bytes += thinking ? parts_bytes(*thinking) : member_bytes(part, {"text", "refusal"});
  }
  return bytes;
}

/// What is said in a member of a message or delta. `reasoning_details` says again what is in
/// `reasoning`.
std::size_t said_in(const json::Member& member) {
  if (member.key.equals("content")) return parts_bytes(member.value);
  if (member.key.equals("tool_calls")) return calls_bytes(member.value);
  if (member.key.equals("function_call")) return call_bytes(member.value);
  const bool is_said = member.key.equals("reasoning_content") || member.key.equals("reasoning") ||
                       member.key.equals("refusal");
  return is_said ? string_bytes(member.value) : 0;
}

/// What a delta brings. One of nothing but a role, or of empty members, is not yet content.
struct DeltaWatch {
  std::optional<json::Value> text;
  bool has_more = false;
  std::size_t bytes = 0;
};

DeltaWatch watch_delta(json::Value delta) {
  DeltaWatch watch;
  if (!delta.is_object()) return watch;
  for (const json::Member member : delta.members()) {
    if (!is_filled(member.value) || member.key.equals("role")) continue;
    if (member.key.equals("content") && member.value.is_string()) {
      watch.text = member.value;
      watch.bytes += string_bytes(member.value);
    } else {
      watch.has_more = true;
      watch.bytes += said_in(member);
    }
  }
  return watch;
}

/// A choice as `{"index":0,"delta":{...},"finish_reason":null}`, whatever is null beside it.
bool is_plain(json::Value choice) {
  for (const json::Member member : choice.members()) {
    if (member.value.is_null() || member.key.equals("delta")) continue;
    if (!member.key.equals("index") || member.value.as_int() != 0) return false;
  }
  return true;
}

void watch_choices(json::Value choices, FrameWatch& watch) {
  for (const json::Value choice : choices.elements()) {
    if (!choice.is_object()) continue;
    const auto delta = choice.find("delta");
    const DeltaWatch brought = delta ? watch_delta(*delta) : DeltaWatch();
    const auto text = choice.find("text");  // of legacy completions
    watch.is_content =
        watch.is_content || brought.text || brought.has_more || (text && is_filled(*text));
    watch.content_bytes += brought.bytes + string_bytes(text);
    if (brought.text && !brought.has_more && choices.size() == 1 && is_plain(choice)) {
      watch.text = brought.text;
    }
    const auto reason = choice.find("finish_reason");
    if (!reason || !reason->is_string() || reason->equals("")) continue;
    std::string scratch;
    const std::string_view word = reason->as_string_view(scratch);
    if (auto fault = fault_of_finish(word)) {
      watch.fault = std::move(fault);
      return;
    }
    watch.is_content = true;
    ++watch.finishes;
    const Finish finish = finish_of(word, false);
    if (watch.finish == Finish::none) watch.finish = finish;
  }
}

void watch_usage(std::optional<json::Value> usage, Quirks quirks, FrameWatch& watch) {
  if (usage && usage->is_object()) watch.usage = read_usage(*usage, quirks);
}

/// What is said in the choices of a whole answer.
std::size_t choices_bytes(json::Value choices) {
  std::size_t bytes = 0;
  for (const json::Value choice : choices.elements()) {
    if (!choice.is_object()) continue;
    bytes += member_bytes(choice, {"text"});  // of legacy completions
    const auto message = choice.find("message");
    if (!message || !message->is_object()) continue;
    for (const json::Member member : message->members()) bytes += said_in(member);
  }
  return bytes;
}

std::optional<ValueSpan> span_of(json::Value root, std::string_view key) {
  const auto value = root.find(key);
  if (!value) return std::nullopt;
  return ValueSpan{value->offset(), value->raw().size()};
}

}  // namespace

Result<RequestPeek> peek_request(json::Value root) {
  json::Problem problem;
  const json::Path path;
  json::ObjectReader reader(root, path, problem);
  RequestPeek peek;
  refuse_routing_members(root, problem);
  peek.model = reader.string("model").value_or("");
  peek_messages(reader, peek);
  peek_tools(reader, peek);
  peek_format(reader, peek);
  peek_settings(reader, peek);
  WEIR_TRY(problem.result());
  return peek;
}

namespace {

/// Which quirks are about a member of the request. Those that are not here are about messages, or
/// about answers alone.
struct Concern {
  std::string_view member;
  Quirks quirks;
};
constexpr std::array concerns{
    Concern{"max_completion_tokens", Quirks{} | Quirk::max_tokens_old_name},
    Concern{"stream_options", Quirks{} | Quirk::no_stream_options},
    Concern{"seed", Quirks{} | Quirk::seed_is_random_seed},
    Concern{"n", Quirks{} | Quirk::no_n},
    Concern{"logprobs", Quirk::no_logprobs | Quirk::logprobs_is_integer},
    Concern{"top_logprobs", Quirk::no_logprobs | Quirk::logprobs_is_integer},
    Concern{"logit_bias", Quirks{} | Quirk::no_logit_bias},
    Concern{"store", Quirks{} | Quirk::no_metadata},
    Concern{"metadata", Quirks{} | Quirk::no_metadata},
    Concern{"parallel_tool_calls", Quirks{} | Quirk::no_parallel_switch},
    Concern{"presence_penalty", Quirks{} | Quirk::no_penalties},
    Concern{"frequency_penalty", Quirks{} | Quirk::no_penalties},
    Concern{"tool_choice", Quirk::no_tool_choice | Quirk::required_is_any},
    Concern{"function_call", Quirk::no_tool_choice | Quirk::required_is_any},
    Concern{"response_format", Quirks{} | Quirk::no_json_schema},
    Concern{"user", Quirks{} | Quirk::no_user},
    Concern{"safety_identifier", Quirks{} | Quirk::no_user},
};

bool message_meets_quirk(json::Value message, Quirks quirks) {
  const auto holds = [&](std::string_view member) { return message.find(member).has_value(); };
  if (has(quirks, Quirk::no_developer_role)) {
    const auto role = message.find("role");
    if (role && role->equals("developer")) return true;
  }
  if (has(quirks, Quirk::no_names) && holds("name")) return true;
  const bool changes_ids = has(quirks, Quirk::mistral_ids);
  return changes_ids && (holds("tool_calls") || holds("tool_call_id"));
}

}  // namespace

bool meets_quirk(json::Value root, Quirks quirks) {
  constexpr Quirks of_messages = Quirk::no_developer_role | Quirk::no_names | Quirk::mistral_ids;
  if (has(quirks, Quirk::strict_roles)) return true;  // about how all of the messages stand
  for (const Concern& concern : concerns) {
    if ((quirks & concern.quirks) != 0 && root.find(concern.member)) return true;
  }
  const auto messages = root.find("messages");
  if ((quirks & of_messages) == 0 || !messages || !messages->is_array()) return false;
  for (const json::Value message : messages->elements()) {
    if (message_meets_quirk(message, quirks)) return true;
  }
  return false;
}

void patch_request(json::Value root, const RequestPatch& patch, std::string& out) {
  std::array<Splice, 2> splices;
  std::size_t count = 0;
  if (!patch.model.empty()) {
    Splice& splice = splices[count++];
    splice = model_splice(root, patch.model);
  }
  if (patch.adds_stream_usage) splices[count++] = usage_splice(root);
  if (count == 2 && splices[1].offset < splices[0].offset) std::swap(splices[0], splices[1]);

  append_spliced(root, {splices.data(), count}, out);
}

namespace {

/// Counts the choices that have finished.
class ChunkWatcher final : public StreamWatcher {
 public:
  ChunkWatcher(Quirks quirks, std::int64_t choices) : quirks_(quirks), choices_(choices) {}

  FrameWatch watch(std::string_view, std::string_view data) override {
    FrameWatch watch = watch_frame(data, document_, quirks_);
    finished_ += watch.finishes;
    return watch;
  }
  [[nodiscard]] bool is_complete() const override { return finished_ >= choices_; }

 private:
  Quirks quirks_;
  std::int64_t choices_;
  std::int64_t finished_ = 0;
  json::Document document_;
};

}  // namespace

FrameWatch watch_frame(std::string_view data, json::Document& scratch, Quirks quirks) {
  FrameWatch watch;
  if (data == "[DONE]") {
    watch.is_terminator = true;
    return watch;
  }
  if (!read_frame(data, scratch, watch)) return watch;
  const json::Value root = scratch.root();
  const auto choices = root.find("choices");
  if (choices && choices->is_array()) watch_choices(*choices, watch);
  watch_usage(root.find("usage"), quirks, watch);
  if (const auto groq = root.find("x_groq")) {
    if (is_fault(*groq)) watch.fault = read_fault(0, groq->raw());
    watch_usage(groq->find("usage"), quirks, watch);
  }
  if (watch.usage) watch.text.reset();
  watch.is_usage_only =
      watch.usage.has_value() && choices && choices->is_array() && choices->size() == 0;
  return watch;
}

ResponseWatch watch_response(json::Value root, Quirks quirks) {
  ResponseWatch watch;
  if (const auto usage = root.find("usage"); usage && usage->is_object()) {
    watch.usage = read_usage(*usage, quirks);
  }
  const auto choices = root.find("choices");
  watch.has_answer = choices && choices->is_array() && choices->size() > 0;
  if (watch.has_answer) {
    const json::Value choice = *choices->elements().begin();
    const auto reason = choice.find("finish_reason");
    const auto message = choice.find("message");
    const auto calls = message ? message->find("tool_calls") : std::nullopt;
    if (reason && reason->is_string()) {
      watch.finish = finish_of(reason->as_string(), calls && calls->size() > 0);
    }
    watch.content_bytes = choices_bytes(*choices);
  }
  watch.id = span_of(root, "id");
  watch.model = span_of(root, "model");
  watch.created = span_of(root, "created");
  return watch;
}

std::unique_ptr<StreamWatcher> make_stream_watcher(Quirks quirks, std::int64_t choices) {
  return std::make_unique<ChunkWatcher>(quirks, choices);
}

}  // namespace weir::wire::openai
