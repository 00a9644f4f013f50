// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <map>
#include <utility>

#include "json/document.hpp"
#include "json/object_reader.hpp"
#include "wire/fault.hpp"
#include "wire/last_piece.hpp"
#include "wire/responses/answer.hpp"
#include "wire/responses/codec.hpp"
#include "wire/sse.hpp"

namespace weir::wire::responses {
namespace {

using Type = StreamEvent::Type;

/// More calls than any answer holds open at once; beyond it the stream is not one of this format.
constexpr std::size_t open_calls_max = 4096;

class Decoder final : public StreamDecoder {
 public:
  explicit Decoder(std::size_t event_bytes_max) : parser_(event_bytes_max) {}

  Result<> feed(std::string_view bytes, EventSink& sink) override {
    if (is_over()) return {};
    parser_.feed(bytes);
    return drain(sink);
  }

  Result<> end(EventSink& sink) override {
    if (is_over()) return {};
    parser_.finish();
    return drain(sink);
  }

  bool give_up_half(Half which) override { return wire::give_up_half(parser_, which); }
  [[nodiscard]] bool is_complete() const override { return is_complete_; }
  [[nodiscard]] bool is_terminated() const override { return is_terminated_; }

 private:
  using Handler = void (Decoder::*)(json::ObjectReader&, EventSink&);
  struct Row {
    std::string_view type;
    Handler handler;
  };
  static const Row* find_row(std::string_view type);

  /// A call whose item is not done.
  struct Call {
    std::uint32_t ordinal = 0;
    ToolKind kind = ToolKind::function;
    std::size_t given_bytes = 0;  ///< of the arguments
  };

  [[nodiscard]] bool is_over() const { return is_terminated_ || has_failed_; }

  Result<> drain(EventSink& sink) {
    SseParser::Event event;
    while (!is_over() && parser_.next(event)) {
      auto read = read_event(event, sink);
      if (!read) {
        has_failed_ = true;
        return read;
      }
    }
    if (!parser_.is_overflowing()) return {};
    has_failed_ = true;
    return Error(ErrorCode::upstream_malformed, "an event of the stream is over the limit");
  }

  Result<> read_event(const SseParser::Event& event, EventSink& sink) {
    if (event.data == "[DONE]") {  // not of this format, but some servers send it
      is_terminated_ = true;
      return {};
    }
    if (auto parsed = document_.parse(event.data); !parsed) {
      return Error(ErrorCode::upstream_malformed, parsed.error().message);
    }
    const json::Value root = document_.root();
    const json::Path path;
    json::Problem problem;
    json::ObjectReader reader(root, path, problem);
    const std::string type = reader.string("type").value_or(std::string(event.type));
    if (type == "error" || is_fault(root)) {
      give_fault(event.data, sink);
      return {};
    }
    if (const Row* row = find_row(type)) (this->*row->handler)(reader, sink);
    if (!problem.is_set()) return {};
    return Error(ErrorCode::upstream_malformed,
                 problem.error().param + ": " + problem.error().message);
  }

  void give_fault(std::string_view body, EventSink& sink) {
    has_failed_ = true;
    const UpstreamFault fault = read_fault(0, body);
    sink.on_event({.type = Type::error, .fault = &fault});
  }

  /// Tells the start once, at the latest before the first piece of content.
  void ensure_started(EventSink& sink) {
    if (!std::exchange(is_started_, true)) sink.on_event({.type = Type::start});
  }

  void on_created(json::ObjectReader& reader, EventSink& sink) {
    const auto response = reader.object("response");
    if (!response || std::exchange(is_started_, true)) return;
    const json::Path path = reader.path("response");
    json::ObjectReader inner(*response, path, reader.problem());
    const std::string id = inner.string("id").value_or("");
    const std::string model = inner.string("model").value_or("");
    const double created = inner.number("created_at", 0, 1e12).value_or(0);
    sink.on_event({.type = Type::start,
                   .id = id,
                   .model = model,
                   .created = static_cast<std::int64_t>(created)});
  }

  void give_text(Type type, json::ObjectReader& reader, EventSink& sink) {
    const std::string delta = reader.string("delta").value_or("");
    std::string logprobs;
    if (type == Type::text) {
      const auto entries = reader.array("logprobs");
      const bool has_entries = entries && entries->size() > 0;
      if (has_entries) logprobs.append("{\"content\":").append(entries->raw()).append("}");
    }
    if (delta.empty()) return;
    ensure_started(sink);
    sink.on_event({.type = type, .text = delta, .logprobs = logprobs});
  }
  void on_text(json::ObjectReader& reader, EventSink& sink) { give_text(Type::text, reader, sink); }
  void on_refusal(json::ObjectReader& reader, EventSink& sink) {
    give_text(Type::refusal, reader, sink);
  }
  void on_reasoning(json::ObjectReader& reader, EventSink& sink) {
    give_text(Type::reasoning, reader, sink);
  }

  /// Parts of a summary are paragraphs.
  void on_summary_part(json::ObjectReader& reader, EventSink& sink) {
    if (reader.integer("summary_index").value_or(0) == 0) return;
    ensure_started(sink);
    sink.on_event({.type = Type::reasoning, .text = "\n\n"});
  }

  static bool is_call(std::string_view type) {
    return type == "function_call" || type == "custom_tool_call";
  }

  void on_item_added(json::ObjectReader& reader, EventSink& sink) {
    const std::int64_t index = reader.integer("output_index", 0).value_or(0);
    const auto value = reader.object("item");
    if (!value) return;
    const json::Path path = reader.path("item");
    json::ObjectReader item(*value, path, reader.problem());
    const std::string type = item.string("type").value_or("");
    if (is_call(type)) begin_call(index, type, item, sink);
  }

  Call* begin_call(std::int64_t index, std::string_view type, json::ObjectReader& item,
                   EventSink& sink) {
    if (calls_.size() >= open_calls_max) {
      item.fail({}, "too many calls are open");
      return nullptr;
    }
    ensure_started(sink);
    Call& call = calls_[index];
    call = {.ordinal = calls_seen_++,
            .kind = type == "custom_tool_call" ? ToolKind::custom : ToolKind::function};
    const std::string id = item.required_string("call_id");
    const std::string name = item.required_string("name");
    sink.on_event({.type = Type::tool_call_begin,
                   .tool = call.ordinal,
                   .tool_kind = call.kind,
                   .id = id,
                   .name = name});
    return &call;
  }

  Call* find_call(json::ObjectReader& reader) {
    const auto found = calls_.find(reader.integer("output_index", 0).value_or(0));
    return found == calls_.end() ? nullptr : &found->second;
  }

  static void give_arguments(Call& call, std::string_view text, EventSink& sink) {
    if (text.empty()) return;
    call.given_bytes += text.size();
    sink.on_event({.type = Type::tool_call_delta,
                   .tool = call.ordinal,
                   .tool_kind = call.kind,
                   .text = text});
  }

  void on_arguments_delta(json::ObjectReader& reader, EventSink& sink) {
    Call* call = find_call(reader);
    if (call == nullptr) return;
    const std::string delta = reader.string("delta").value_or("");
    give_arguments(*call, delta, sink);
  }

  /// Servers that send a call in one piece may send no deltas: what is missing comes from here.
  void on_item_done(json::ObjectReader& reader, EventSink& sink) {
    const std::int64_t index = reader.integer("output_index", 0).value_or(0);
    const auto value = reader.object("item");
    if (!value) return;
    const json::Path path = reader.path("item");
    json::ObjectReader item(*value, path, reader.problem());
    const std::string type = item.string("type").value_or("");
    if (type == "reasoning") give_encrypted(item, sink);
    if (is_call(type)) end_call(index, type, item, sink);
  }

  void give_encrypted(json::ObjectReader& item, EventSink& sink) {
    const std::string encrypted = item.string("encrypted_content").value_or("");
    if (encrypted.empty()) return;
    ensure_started(sink);
    sink.on_event(
        {.type = Type::reasoning_encrypted, .text = encrypted, .sealed_by = Vendor::openai});
  }

  /// A call whose item says that it is incomplete stays open: its arguments were cut off.
  void end_call(std::int64_t index, std::string_view type, json::ObjectReader& item,
                EventSink& sink) {
    const auto found = calls_.find(index);
    Call* call = found == calls_.end() ? begin_call(index, type, item, sink) : &found->second;
    if (call == nullptr) return;
    const bool is_custom = call->kind == ToolKind::custom;
    const std::string whole = item.string(is_custom ? "input" : "arguments").value_or("");
    if (whole.size() > call->given_bytes) {
      const std::string_view rest = std::string_view(whole).substr(call->given_bytes);
      give_arguments(*call, rest, sink);
    }
    const bool is_cut = item.string("status").value_or("") == "incomplete";
    if (!is_cut) {
      sink.on_event({.type = Type::tool_call_end, .tool = call->ordinal, .tool_kind = call->kind});
    }
    calls_.erase(index);
  }

  void on_ended(json::ObjectReader& reader, EventSink& sink) {
    const auto response = reader.object("response");
    if (!response) return reader.fail("response", "is required");
    ensure_started(sink);
    const json::Path path = reader.path("response");
    json::ObjectReader inner(*response, path, reader.problem());
    const std::string status = inner.string("status").value_or("");
    if (const auto value = inner.object("usage")) {
      const json::Path usage_path = inner.path("usage");
      const Usage usage = read_usage(*value, usage_path, inner.problem());
      sink.on_event({.type = Type::usage, .usage = &usage});
    }
    const Finish finish = finish_of(status, incomplete_reason(*response), calls_seen_ > 0);
    sink.on_event({.type = Type::finish, .finish = finish});
    is_complete_ = true;
    is_terminated_ = true;
  }

  void on_failed(json::ObjectReader& reader, EventSink& sink) {
    const auto response = reader.object("response");
    const bool has_reason = response && is_fault(*response);
    give_fault(has_reason ? response->raw() : "the response failed", sink);
    is_terminated_ = true;
  }

  SseParser parser_;
  json::Document document_;
  std::map<std::int64_t, Call> calls_;  ///< open ones, by output index
  std::uint32_t calls_seen_ = 0;
  bool is_started_ = false;
  bool is_complete_ = false;
  bool is_terminated_ = false;
  bool has_failed_ = false;
};

/// Events that are not listed hold nothing that the other dialects know: the steps of hosted
/// tools, annotations, and repetitions of what was sent in pieces.
const Decoder::Row* Decoder::find_row(std::string_view type) {
  static constexpr std::array rows{
      Row{"response.created", &Decoder::on_created},
      Row{"response.in_progress", &Decoder::on_created},
      Row{"response.queued", &Decoder::on_created},
      Row{"response.output_item.added", &Decoder::on_item_added},
      Row{"response.output_item.done", &Decoder::on_item_done},
      Row{"response.output_text.delta", &Decoder::on_text},
      Row{"response.refusal.delta", &Decoder::on_refusal},
      Row{"response.reasoning_summary_part.added", &Decoder::on_summary_part},
      Row{"response.reasoning_summary_text.delta", &Decoder::on_reasoning},
      Row{"response.reasoning_text.delta", &Decoder::on_reasoning},
      Row{"response.function_call_arguments.delta", &Decoder::on_arguments_delta},
      Row{"response.custom_tool_call_input.delta", &Decoder::on_arguments_delta},
      Row{"response.completed", &Decoder::on_ended},
      Row{"response.incomplete", &Decoder::on_ended},
      Row{"response.failed", &Decoder::on_failed},
  };
  for (const Row& row : rows) {
    if (row.type == type) return &row;
  }
  return nullptr;
}

}  // namespace

std::unique_ptr<StreamDecoder> make_stream_decoder(Quirks /*quirks*/, std::size_t event_bytes_max) {
  return std::make_unique<Decoder>(event_bytes_max);
}

}  // namespace weir::wire::responses
