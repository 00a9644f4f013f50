// SPDX-License-Identifier: Apache-2.0
#include "wire/ollama/passthrough.hpp"

#include "json/object_reader.hpp"
#include "wire/ollama/message.hpp"
#include "wire/quantities.hpp"
#include "wire/routing_members.hpp"

namespace weir::wire::ollama {
namespace {

void peek_images(json::ObjectReader& reader, RequestPeek& peek) {
  if (const auto images = reader.array("images")) {
    peek.images += static_cast<std::uint32_t>(images->size());
  }
}

void peek_messages(json::ObjectReader& root, RequestPeek& peek) {
  const auto messages = root.array("messages");
  if (!messages) return;  // Ollama then only loads the model
  const json::Path path = root.path("messages");
  std::size_t i = 0;
  for (const json::Value value : messages->elements()) {
    const json::Path element{&path, {}, i++};
    json::ObjectReader message(value, element, root.problem());
    const auto role = message.value("role");
    if (!role || !role->is_string()) message.fail("role", "is required");
    peek.text_bytes +=
        string_bytes(message.value("content")) + string_bytes(message.value("thinking"));
    peek_images(message, peek);
    if (const auto calls = message.array("tool_calls"); calls && calls->size() > 0) {
      peek.uses_tools = true;
      peek.text_bytes += calls->raw().size();
    }
  }
}

void peek_settings(json::ObjectReader& root, RequestPeek& peek) {
  peek.stream = root.boolean("stream").value_or(true);
  if (const auto tools = root.array("tools"); tools && tools->size() > 0) {
    peek.uses_tools = true;
    peek.text_bytes += tools->raw().size();
  }
  if (const auto format = root.value("format")) {
    peek.uses_json_object = format->equals("json");
    peek.uses_json_schema = format->is_object();
  }
  if (const auto think = root.value("think")) {
    peek.asks_reasoning = think->is_string() || (think->is_boolean() && think->as_bool());
  }
  peek.uses_logprobs = root.boolean("logprobs").value_or(false);
  if (const auto options = root.object("options")) {
    const auto limit = options->find("num_predict");
    // 0 and below are Ollama's own ways of saying "no limit".
    if (limit && limit->is_number() && limit->as_double() > 0) {
      const json::Path path = root.path("options");
      json::ObjectReader reader(*options, path, root.problem());
      peek.output_tokens_max = reader.integer("num_predict", 1, tokens_asked_max);
    }
  }
}

/// What is said in one answer object: `/api/chat` has it in a message, `/api/generate` beside it.
std::size_t said_in(json::Value root) {
  std::size_t bytes = member_bytes(root, {"response"}) + member_bytes(root, {"thinking"});
  const auto message = root.find("message");
  if (!message || !message->is_object()) return bytes;
  bytes += member_bytes(*message, {"content"}) + member_bytes(*message, {"thinking"});
  const auto calls = message->find("tool_calls");
  if (calls && calls->is_array() && calls->size() > 0) bytes += calls->raw().size();
  return bytes;
}

/// Of a line as `{"message":{"role":"assistant","content":"..."},"done":false}`.
std::optional<json::Value> plain_text(json::Value root) {
  const auto message = root.find("message");
  if (!message || root.find("logprobs")) return std::nullopt;
  const auto text = only_member(*message, "content", "role");
  return string_bytes(text) > 0 ? text : std::nullopt;
}

bool has_calls(json::Value root) {
  const auto message = root.find("message");
  const auto calls = message ? message->find("tool_calls") : std::nullopt;
  return calls && calls->is_array() && calls->size() > 0;
}

bool is_done(json::Value root) {
  const auto done = root.find("done");
  return done && done->is_boolean() && done->as_bool();
}

Finish finish_in(json::Value root, bool has_calls) {
  const auto reason = root.find("done_reason");
  const bool is_told = reason && reason->is_string();
  return finish_of(is_told ? reason->as_string() : std::string(), has_calls);
}

class LineWatcher final : public StreamWatcher {
 public:
  FrameWatch watch(std::string_view /*type*/, std::string_view data) override {
    FrameWatch watch;
    if (!read_frame(data, document_, watch)) return watch;
    const json::Value root = document_.root();
    has_calls_ = has_calls_ || has_calls(root);
    watch.content_bytes = said_in(root);
    watch.is_content = watch.content_bytes > 0;
    if (!is_done(root)) {
      watch.text = plain_text(root);
      return watch;
    }
    is_done_ = watch.is_terminator = watch.is_content = true;
    watch.finish = finish_in(root, has_calls_);
    watch.finishes = 1;
    watch.usage = read_counters(root);
    return watch;
  }

  [[nodiscard]] bool is_complete() const override { return is_done_; }

 private:
  json::Document document_;
  bool has_calls_ = false;
  bool is_done_ = false;
};

}  // namespace

Result<RequestPeek> peek_request(json::Value root) {
  json::Problem problem;
  const json::Path path;
  json::ObjectReader reader(root, path, problem);
  RequestPeek peek;
  peek.wants_stream_usage = true;  // its streams always tell it
  refuse_routing_members(root, problem);
  const auto old_name = reader.string("name");
  peek.model = reader.string("model").value_or(old_name.value_or(""));
  peek_messages(reader, peek);
  for (const std::string_view member : {"prompt", "system", "suffix"}) {
    peek.text_bytes += string_bytes(reader.value(member));
  }
  peek_images(reader, peek);
  peek_settings(reader, peek);
  WEIR_TRY(problem.result());
  return peek;
}

void patch_request(json::Value root, const RequestPatch& patch, std::string& out) {
  patch_model(root, patch, out);
}

ResponseWatch watch_response(json::Value root, Quirks /*quirks*/) {
  ResponseWatch watch;
  watch.has_answer = root.find("message") || root.find("response");
  watch.content_bytes = said_in(root);
  if (!is_done(root)) return watch;
  watch.finish = finish_in(root, has_calls(root));
  watch.usage = read_counters(root);
  return watch;
}

std::unique_ptr<StreamWatcher> make_stream_watcher(Quirks /*quirks*/, std::int64_t /*choices*/) {
  return std::make_unique<LineWatcher>();
}

}  // namespace weir::wire::ollama
