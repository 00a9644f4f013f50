// SPDX-License-Identifier: Apache-2.0
#include "wire/anthropic/passthrough.hpp"

#include "json/object_reader.hpp"
#include "wire/anthropic/usage.hpp"
#include "wire/foreign_seal.hpp"
#include "wire/quantities.hpp"
#include "wire/routing_members.hpp"

namespace weir::wire::anthropic {
namespace {

void peek_content(json::Value content, RequestPeek& peek);

void peek_seal(std::optional<json::Value> seal, RequestPeek& peek) {
  if (string_bytes(seal) == 0) return;
  std::string scratch;
  const auto foreign = unwrap_seal(seal->as_string_view(scratch));
  peek.has_foreign_items = peek.has_foreign_items || foreign;
  peek.note_seal(foreign ? foreign->sealed_by : Vendor::anthropic);
}

void peek_block(json::Value block, RequestPeek& peek) {
  const auto type = block.find("type");
  if (!type) return;
  if (type->equals("image")) {
    ++peek.images;
  } else if (type->equals("document")) {
    peek.uses_files = true;
  } else if (type->equals("tool_use") || type->equals("tool_result")) {
    peek.uses_tools = true;
    if (const auto input = block.find("input")) peek.text_bytes += input->raw().size();
    if (const auto content = block.find("content")) peek_content(*content, peek);
  } else {
    peek.text_bytes += string_bytes(block.find("text")) + string_bytes(block.find("thinking"));
    for (const std::string_view key : {"signature", "data"}) peek_seal(block.find(key), peek);
  }
}

void peek_content(json::Value content, RequestPeek& peek) {
  peek.text_bytes += string_bytes(content);
  if (!content.is_array()) return;
  for (const json::Value block : content.elements()) peek_block(block, peek);
}

void peek_messages(json::ObjectReader& root, RequestPeek& peek) {
  const auto messages = root.array("messages");
  if (!messages) return root.fail("messages", "is required");
  const json::Path path = root.path("messages");
  std::size_t i = 0;
  for (const json::Value value : messages->elements()) {
    const json::Path element{&path, {}, i++};
    json::ObjectReader message(value, element, root.problem());
    const auto role = message.value("role");
    if (!role || !role->is_string()) message.fail("role", "is required");
    const auto content = message.value("content");
    if (!content || !(content->is_string() || content->is_array())) {
      message.fail("content", "must be a string or an array of blocks");
    } else {
      peek_content(*content, peek);
    }
  }
}

/// A conversation that one provider keeps could not go on at another, nor be masked, counted or
/// made shorter. Anthropic's SDKs send the whole of it when they are told so.
void refuse_thread(json::ObjectReader& root) {
  const auto thread = root.value("thread");
  if (!thread || thread->is_null()) return;
  root.problem().set(ErrorCode::unsupported_capability, root.path("thread"),
                     "no conversation is kept: send the whole of it each time");
}

void peek_settings(json::ObjectReader& root, RequestPeek& peek) {
  peek.stream = root.boolean("stream").value_or(false);
  peek.output_tokens_max = root.integer("max_tokens", 0, tokens_asked_max);
  if (const auto tools = root.array("tools"); tools && tools->size() > 0) {
    peek.uses_tools = true;
    peek.text_bytes += tools->raw().size();
  }
  if (const auto config = root.object("output_config")) {
    const auto format = config->find("format");
    const auto type = format ? format->find("type") : std::nullopt;
    peek.uses_json_schema = type && type->equals("json_schema");
  }
  if (const auto thinking = root.object("thinking")) {
    const auto type = thinking->find("type");
    peek.asks_reasoning = type && !type->equals("disabled");
  }
  if (const auto metadata = root.object("metadata")) {
    const auto user = metadata->find("user_id");
    if (user && user->is_string()) peek.user = user->as_string();
  }
  refuse_thread(root);
}

bool has_text(json::Value block, std::string_view key) { return string_bytes(block.find(key)) > 0; }

/// Blocks of text begin empty; a call says its name at once, and what only Anthropic knows comes
/// whole.
bool begins_with_content(json::Value block) {
  const auto type = block.find("type");
  if (!type) return false;
  if (type->equals("text")) return has_text(block, "text");
  if (type->equals("thinking")) return has_text(block, "thinking");
  return true;
}

/// What is said in a block, or in a piece of one. A call's input comes empty with its beginning.
std::size_t said_in(json::Value block) {
  if (!block.is_object()) return 0;
  std::size_t bytes = member_bytes(block, {"text", "thinking", "partial_json", "name"});
  const auto input = block.find("input");
  if (input && input->is_object() && input->size() > 0) bytes += input->raw().size();
  return bytes;
}

class MessagesWatcher final : public StreamWatcher {
 public:
  FrameWatch watch(std::string_view type, std::string_view data) override {
    FrameWatch watch;
    if (!read_frame(data, document_, watch)) return watch;
    const json::Value root = document_.root();
    std::string scratch;
    if (const auto own = root.find("type"); own && own->is_string()) {
      type = own->as_string_view(scratch);
    }
    if (type == "message_start") {
      const auto message = root.find("message");
      take_usage(message ? message->find("usage") : std::nullopt, watch);
    } else if (type == "content_block_start") {
      const auto block = root.find("content_block");
      watch.is_content = block && begins_with_content(*block);
      if (watch.is_content) watch.content_bytes = said_in(*block);
    } else if (type == "content_block_delta") {
      watch.is_content = true;
      if (const auto delta = root.find("delta")) watch.content_bytes = said_in(*delta);
    } else if (type == "content_block_stop") {
      watch.ends_text = true;
    } else if (type == "message_delta") {
      take_usage(root.find("usage"), watch);
      take_reason(root.find("delta"), watch);
    } else if (type == "message_stop") {
      watch.is_terminator = is_complete_ = true;
    }
    return watch;  // pings, and what later versions add
  }

  [[nodiscard]] bool is_complete() const override { return is_complete_; }

 private:
  void take_usage(std::optional<json::Value> usage, FrameWatch& watch) {
    if (!usage || !usage->is_object()) return;
    usage_.update(*usage);
    watch.usage = usage_.canonical();
  }

  void take_reason(std::optional<json::Value> delta, FrameWatch& watch) {
    const auto reason = delta ? delta->find("stop_reason") : std::nullopt;
    if (!reason || !reason->is_string()) return;
    std::string scratch;
    watch.is_content = true;
    watch.finish = finish_of(reason->as_string_view(scratch));
    watch.finishes = 1;
    is_complete_ = true;
  }

  json::Document document_;
  UsageCounters usage_;
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
  peek.model = reader.string("model").value_or("");  // the gateway has a default
  if (const auto system = reader.value("system")) peek_content(*system, peek);
  peek_messages(reader, peek);
  peek_settings(reader, peek);
  WEIR_TRY(problem.result());
  return peek;
}

void patch_request(json::Value root, const RequestPatch& patch, std::string& out) {
  patch_model(root, patch, out);
}

ResponseWatch watch_response(json::Value root, Quirks /*quirks*/) {
  ResponseWatch watch;
  const auto content = root.find("content");
  watch.has_answer = content && content->is_array();
  if (const auto usage = root.find("usage"); usage && usage->is_object()) {
    UsageCounters counters;
    counters.update(*usage);
    watch.usage = counters.canonical();
  }
  if (watch.has_answer) {
    for (const json::Value block : content->elements()) watch.content_bytes += said_in(block);
  }
  const auto reason = root.find("stop_reason");
  if (reason && reason->is_string()) watch.finish = finish_of(reason->as_string());
  return watch;
}

std::unique_ptr<StreamWatcher> make_stream_watcher(Quirks /*quirks*/, std::int64_t /*choices*/) {
  return std::make_unique<MessagesWatcher>();
}

}  // namespace weir::wire::anthropic
