// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <utility>

#include "json/writer.hpp"
#include "wire/error_writer.hpp"
#include "wire/members.hpp"
#include "wire/responses/answer.hpp"
#include "wire/responses/codec.hpp"
#include "wire/responses/items.hpp"
#include "wire/sse.hpp"

namespace weir::wire::responses {
namespace {

/// Events of this format name their item, their place and their number, and repeat at each end
/// what was sent in pieces: so the encoder keeps the answer as it grows.
///
/// At most one item of text (message or reasoning) is open at a time; calls can be open beside
/// each other, since their pieces may come interleaved.
class Encoder final : public StreamEncoder {
 public:
  Encoder(const StreamOptions& options, AnswerFrame frame)
      : frame_(std::move(frame)),
        id_(frame_.id.empty() ? options.id : frame_.id),
        model_(options.model),
        created_(options.created) {}

  void encode(const StreamEvent& event, std::string& out) override;
  void finish(std::string& out) override;
  void fail(const Error& error, std::string_view request_id, std::string& out) override;

 private:
  enum class Open : std::uint8_t { none, message, reasoning };

  struct OpenCall {
    ToolCall call;
    std::size_t output_index = 0;
  };

  /// Starts the event of `type`; `members` writes what it holds besides type and number.
  template <class Members>
  void write_event(std::string& out, std::string_view type, Members&& members) {
    std::string data;
    json::Writer json(data);
    json.begin_object().member("type", type).member("sequence_number", sequence_++);
    members(json);
    json.end_object();
    append_sse(out, type, data);
  }

  /// The members that place an event in the open message or reasoning.
  void place(json::Writer& json) const {
    json.member("item_id", item_id_).member("output_index", index_of(output_index_));
    json.key(open_ == Open::message ? json::Name("content_index") : json::Name("summary_index"));
    json.integer(index_of(part_index_));
  }
  static std::int64_t index_of(std::size_t index) { return static_cast<std::int64_t>(index); }

  void ensure_begun(std::string& out);
  void write_response_event(std::string& out, std::string_view type, Finish finish);
  [[nodiscard]] std::string output_list() const;

  void add_item(std::string& out, const Item& item, std::size_t output_index);
  void end_item(std::string& out, const Item& item, std::string_view id, std::string_view status,
                std::size_t output_index);

  void open_text(std::string& out, PartKind kind);
  void open_reasoning(std::string& out);
  void open_summary(std::string& out);
  void close_part(std::string& out);
  void close_open(std::string& out, std::string_view status);

  void on_text(const StreamEvent& event, PartKind kind, std::string& out);
  void on_reasoning(std::string_view text, std::string& out);
  void on_call_begin(const StreamEvent& event, std::string& out);
  void on_call_delta(const StreamEvent& event, std::string& out);
  void on_call_end(const StreamEvent& event, std::string& out);
  void write_call_delta(const OpenCall& open, std::string_view text, std::string& out);

  AnswerFrame frame_;
  std::string id_;
  std::string model_;
  std::int64_t created_;
  std::int64_t sequence_ = 0;
  bool has_begun_ = false;

  std::vector<std::string> output_;  ///< items that are done, as JSON, by output index
  Open open_ = Open::none;
  std::size_t output_index_ = 0;  ///< of the open item
  std::string item_id_;
  Message message_;      ///< the open message: its parts that are done
  Reasoning reasoning_;  ///< the open reasoning: its summaries that are done
  bool has_open_part_ = false;
  std::size_t part_index_ = 0;
  Part part_;                  ///< the open part; of reasoning, its text counts
  std::string part_logprobs_;  ///< entries, separated by commas
  std::map<std::uint32_t, OpenCall> calls_;

  std::optional<Usage> usage_;
  Finish finish_ = Finish::stop;
};

void Encoder::encode(const StreamEvent& event, std::string& out) {
  using Type = StreamEvent::Type;
  if (event.choice != 0) return;  // the format has one answer
  switch (event.type) {
    case Type::start:
      if (!event.id.empty() && frame_.id.empty()) id_ = event.id;
      if (!event.model.empty()) model_ = event.model;
      if (event.created != 0) created_ = event.created;
      ensure_begun(out);
      break;
    case Type::text:
      on_text(event, PartKind::text, out);
      break;
    case Type::refusal:
      on_text(event, PartKind::refusal, out);
      break;
    case Type::reasoning:
      on_reasoning(event.text, out);
      break;
    case Type::reasoning_signature:
      open_reasoning(out);
      reasoning_.signature = event.text;
      reasoning_.sealed_by = event.sealed_by;
      close_open(out, "completed");
      break;
    case Type::reasoning_encrypted:
      open_reasoning(out);
      reasoning_.encrypted = event.text;
      reasoning_.sealed_by = event.sealed_by;
      close_open(out, "completed");
      break;
    case Type::tool_call_begin:
      on_call_begin(event, out);
      break;
    case Type::tool_call_delta:
      on_call_delta(event, out);
      break;
    case Type::tool_call_end:
      on_call_end(event, out);
      break;
    case Type::usage:
      usage_ = *event.usage;
      break;
    case Type::finish:
      if (event.finish != Finish::none) finish_ = event.finish;
      break;
    case Type::error:
      break;  // ends the stream through `fail`
  }
}

/// Calls that never ended are cut off, and say so.
void Encoder::finish(std::string& out) {
  ensure_begun(out);
  const bool is_whole = status_of(finish_) == "completed";
  close_open(out, is_whole ? "completed" : "incomplete");
  for (auto& [tool, open] : std::exchange(calls_, {})) {
    const std::string id = derived_item_id(id_prefix(open.call), id_, open.output_index);
    end_item(out, open.call, id, "incomplete", open.output_index);
  }
  const std::string_view status = status_of(finish_);
  const bool is_failed = status == "failed";
  const bool is_incomplete = status == "incomplete";
  write_response_event(out,
                       is_failed       ? "response.failed"
                       : is_incomplete ? "response.incomplete"
                                       : "response.completed",
                       finish_);
}

void Encoder::fail(const Error& error, std::string_view request_id, std::string& out) {
  append_error_event(error, request_id, sequence_++, out);
}

void Encoder::ensure_begun(std::string& out) {
  if (std::exchange(has_begun_, true)) return;
  write_response_event(out, "response.created", Finish::none);
  write_response_event(out, "response.in_progress", Finish::none);
}

void Encoder::write_response_event(std::string& out, std::string_view type, Finish finish) {
  const AnswerHead head{.id = id_,
                        .created = created_,
                        .model = model_,
                        .finish = finish,
                        .usage = usage_ && finish != Finish::none ? &*usage_ : nullptr};
  std::string response;
  json::Writer writer(response);
  writer.begin_object();
  write_answer(writer, head, output_list());
  write_foreign_members(writer, finish, frame_.echo);
  writer.end_object();
  write_event(out, type, [&](json::Writer& json) { json.key("response").raw(response); });
  if (frame_.answer != nullptr && finish != Finish::none) *frame_.answer = std::move(response);
}

std::string Encoder::output_list() const {
  std::string list = "[";
  for (const std::string& item : output_) {
    if (item.empty()) continue;  // not done
    if (list.size() > 1) list.push_back(',');
    list.append(item);
  }
  return list.append("]");
}

void Encoder::add_item(std::string& out, const Item& item, std::size_t output_index) {
  const std::string id = derived_item_id(id_prefix(item), id_, output_index);
  write_event(out, "response.output_item.added", [&](json::Writer& json) {
    json.member("output_index", index_of(output_index)).key("item");
    write_output_item(json, item, {.id = id, .status = "in_progress"});
  });
}

void Encoder::end_item(std::string& out, const Item& item, std::string_view id,
                       std::string_view status, std::size_t output_index) {
  std::string text;
  json::Writer writer(text);
  write_output_item(writer, item, {.id = id, .status = status});
  write_event(out, "response.output_item.done", [&](json::Writer& json) {
    json.member("output_index", index_of(output_index)).key("item").raw(text);
  });
  output_[output_index] = std::move(text);
}

void Encoder::open_text(std::string& out, PartKind kind) {
  ensure_begun(out);
  if (open_ != Open::message) {
    close_open(out, "completed");
    open_ = Open::message;
    output_index_ = output_.size();
    output_.emplace_back();
    message_ = {};
    message_.role = Role::assistant;
    part_index_ = 0;
    item_id_ = derived_item_id("msg", id_, output_index_);
    add_item(out, message_, output_index_);
  }
  if (has_open_part_ && part_.kind == kind) return;
  close_part(out);
  has_open_part_ = true;
  part_ = {};
  part_.kind = kind;
  write_event(out, "response.content_part.added", [&](json::Writer& json) {
    place(json);
    json.key("part");
    write_output_part(json, part_, false, {});
  });
}

void Encoder::open_reasoning(std::string& out) {
  ensure_begun(out);
  if (open_ == Open::reasoning) return;
  close_open(out, "completed");
  open_ = Open::reasoning;
  output_index_ = output_.size();
  output_.emplace_back();
  reasoning_ = {};
  part_index_ = 0;
  item_id_ = derived_item_id("rs", id_, output_index_);
  add_item(out, reasoning_, output_index_);
}

void Encoder::open_summary(std::string& out) {
  open_reasoning(out);
  if (has_open_part_) return;
  has_open_part_ = true;
  part_ = {};
  write_event(out, "response.reasoning_summary_part.added", [&](json::Writer& json) {
    place(json);
    json.key("part").begin_object().member("type", "summary_text").member("text", "");
    json.end_object();
  });
}

void Encoder::close_part(std::string& out) {
  if (!std::exchange(has_open_part_, false)) return;
  const bool is_summary = open_ == Open::reasoning;
  const bool is_refusal = part_.kind == PartKind::refusal;
  const std::string logprobs = "[" + std::exchange(part_logprobs_, {}) + "]";
  write_event(out,
              is_summary   ? "response.reasoning_summary_text.done"
              : is_refusal ? "response.refusal.done"
                           : "response.output_text.done",
              [&](json::Writer& json) {
                place(json);
                json.member(is_refusal ? "refusal" : "text", part_.text);
                if (!is_summary && !is_refusal) json.key("logprobs").raw(logprobs);
              });
  write_event(out,
              is_summary ? "response.reasoning_summary_part.done" : "response.content_part.done",
              [&](json::Writer& json) {
                place(json);
                json.key("part");
                if (!is_summary) return write_output_part(json, part_, false, {});
                json.begin_object().member("type", "summary_text").member("text", part_.text);
                json.end_object();
              });
  ++part_index_;
  if (is_summary) {
    reasoning_.summary.push_back(std::move(part_.text));
  } else {
    message_.parts.push_back(std::move(part_));
  }
}

void Encoder::close_open(std::string& out, std::string_view status) {
  if (open_ == Open::none) return;
  close_part(out);
  if (std::exchange(open_, Open::none) == Open::message) {
    end_item(out, std::exchange(message_, {}), item_id_, status, output_index_);
  } else {
    end_item(out, std::exchange(reasoning_, {}), item_id_, status, output_index_);
  }
}

void Encoder::on_text(const StreamEvent& event, PartKind kind, std::string& out) {
  if (event.text.empty()) return;
  open_text(out, kind);
  part_.text += event.text;
  const std::string logprobs = logprob_entries(event.logprobs);
  if (logprobs.size() > 2) {
    if (!part_logprobs_.empty()) part_logprobs_.push_back(',');
    part_logprobs_.append(logprobs, 1, logprobs.size() - 2);
  }
  const bool is_refusal = kind == PartKind::refusal;
  write_event(out, is_refusal ? "response.refusal.delta" : "response.output_text.delta",
              [&](json::Writer& json) {
                place(json);
                json.member("delta", event.text);
                if (!is_refusal) json.key("logprobs").raw(logprobs);
              });
}

void Encoder::on_reasoning(std::string_view text, std::string& out) {
  if (text.empty()) return;
  open_summary(out);
  part_.text += text;
  write_event(out, "response.reasoning_summary_text.delta", [&](json::Writer& json) {
    place(json);
    json.member("delta", text);
  });
}

void Encoder::on_call_begin(const StreamEvent& event, std::string& out) {
  ensure_begun(out);
  close_open(out, "completed");
  OpenCall& open = calls_[event.tool];
  open = {};
  open.output_index = output_.size();
  output_.emplace_back();
  open.call.kind = event.tool_kind;
  open.call.id = event.id;
  open.call.name = event.name;
  open.call.signature = event.signature;
  add_item(out, open.call, open.output_index);
}

void Encoder::write_call_delta(const OpenCall& open, std::string_view text, std::string& out) {
  const bool is_custom = open.call.kind == ToolKind::custom;
  const std::string id = derived_item_id(id_prefix(open.call), id_, open.output_index);
  write_event(out,
              is_custom ? "response.custom_tool_call_input.delta"
                        : "response.function_call_arguments.delta",
              [&](json::Writer& json) {
                json.member("item_id", id).member("output_index", index_of(open.output_index));
                json.member("delta", text);
              });
}

void Encoder::on_call_delta(const StreamEvent& event, std::string& out) {
  const auto found = calls_.find(event.tool);
  if (found == calls_.end() || event.text.empty()) return;
  found->second.call.arguments += event.text;
  write_call_delta(found->second, event.text, out);
}

void Encoder::on_call_end(const StreamEvent& event, std::string& out) {
  const auto found = calls_.find(event.tool);
  if (found == calls_.end()) return;
  OpenCall& open = found->second;
  const bool is_custom = open.call.kind == ToolKind::custom;
  if (open.call.arguments.empty() && !is_custom) {
    open.call.arguments = "{}";  // a call without parameters still needs valid JSON
    write_call_delta(open, open.call.arguments, out);
  }
  const std::string id = derived_item_id(id_prefix(open.call), id_, open.output_index);
  write_event(
      out,
      is_custom ? "response.custom_tool_call_input.done" : "response.function_call_arguments.done",
      [&](json::Writer& json) {
        json.member("item_id", id).member("output_index", index_of(open.output_index));
        if (!is_custom) json.member("name", open.call.name);
        json.member(is_custom ? "input" : "arguments", open.call.arguments);
      });
  end_item(out, open.call, id, "completed", open.output_index);
  calls_.erase(found);
}

}  // namespace

void append_error_event(const Error& error, std::string_view request_id,
                        std::int64_t sequence_number, std::string& out) {
  std::string body;
  append_error_body(body, Dialect::openai_responses, error, request_id);
  std::string data;
  json::Writer json(data);
  json.begin_object().member("type", "error").member("sequence_number", sequence_number);
  json.member("code", traits(error.code).name).member("message", error.message);
  json.key("param").null();
  write_members_of(json, body);
  json.end_object();
  append_sse(out, "error", data);
}

std::unique_ptr<StreamEncoder> make_stream_encoder(const StreamOptions& options) {
  return make_stream_encoder(options, {});
}

std::unique_ptr<StreamEncoder> make_stream_encoder(const StreamOptions& options,
                                                   AnswerFrame frame) {
  return std::make_unique<Encoder>(options, std::move(frame));
}

}  // namespace weir::wire::responses
