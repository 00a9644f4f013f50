// SPDX-License-Identifier: Apache-2.0
#include "api/answer.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <system_error>
#include <utility>

#include "api/convert.hpp"
#include "base/assert.hpp"

namespace weir::api {
namespace {

/// What stands before the texts of an event. Both ends are in this process, so that its layout is
/// the compiler's.
struct EventHead {
  wire::StreamEvent::Type type{};
  wire::ToolKind tool_kind{};
  wire::Vendor sealed_by{};
  wire::Finish finish{};
  std::uint32_t choice = 0;
  std::uint32_t tool = 0;
  std::array<std::size_t, 5> sizes{};  ///< of what follows
};

void append_event(const wire::StreamEvent& event, std::string& out) {
  const std::array texts{event.text, event.id, event.model, event.name, event.signature};
  EventHead head{.type = event.type,
                 .tool_kind = event.tool_kind,
                 .sealed_by = event.sealed_by,
                 .finish = event.finish,
                 .choice = event.choice,
                 .tool = event.tool};
  std::transform(texts.begin(), texts.end(), head.sizes.begin(),
                 [](std::string_view text) { return text.size(); });
  std::array<char, sizeof head> bytes{};
  std::memcpy(bytes.data(), &head, sizeof head);
  out.append(bytes.data(), bytes.size());
  for (const std::string_view text : texts) out.append(text);
}

/// Takes the first event off `bytes`; it refers to them.
wire::StreamEvent take_event(std::string_view& bytes) {
  const auto take = [&bytes](std::size_t size) {
    WEIR_ASSERT(size <= bytes.size());
    const std::string_view taken = bytes.substr(0, size);
    bytes.remove_prefix(size);
    return taken;
  };
  EventHead head;
  std::memcpy(&head, take(sizeof head).data(), sizeof head);
  wire::StreamEvent event;
  event.type = head.type;
  event.tool_kind = head.tool_kind;
  event.sealed_by = head.sealed_by;
  event.finish = head.finish;
  event.choice = head.choice;
  event.tool = head.tool;
  const std::array texts{&event.text, &event.id, &event.model, &event.name, &event.signature};
  for (std::size_t i = 0; i < texts.size(); ++i) *texts[i] = take(head.sizes[i]);
  return event;
}

class ValueEncoder final : public wire::StreamEncoder {
 public:
  explicit ValueEncoder(const wire::StreamOptions& options)
      : id_(options.id), model_(options.model) {}

  void encode(const wire::StreamEvent& event, std::string& out) override {
    start(out);
    const bool is_told_by_result = event.type == wire::StreamEvent::Type::usage ||
                                   event.type == wire::StreamEvent::Type::error;
    if (!is_told_by_result) append_event(event, out);
  }
  void finish(std::string& out) override { start(out); }
  // The caller gets the error as a value, from the result of the call.
  void fail(const Error&, std::string_view, std::string&) override {}

 private:
  /// A stream begins: its decoder may never say so itself.
  void start(std::string& out) {
    if (std::exchange(has_started_, true)) return;
    wire::StreamEvent event;
    event.type = wire::StreamEvent::Type::start;
    event.id = id_;
    event.model = model_;
    append_event(event, out);
  }

  std::string id_;
  std::string model_;
  bool has_started_ = false;
};

}  // namespace

void ValueForm::encode_response(const wire::ChatResponse& response, std::string& out) const {
  out.append(std::to_string(responses_.size()));
  responses_.push_back(response);
}

const wire::ChatResponse* ValueForm::response(std::string_view text) const {
  std::size_t place = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), place);
  const bool is_place = read.ec == std::errc() && read.ptr == text.data() + text.size();
  return is_place && place < responses_.size() ? &responses_[place] : nullptr;
}

std::unique_ptr<wire::StreamEncoder> ValueForm::make_stream_encoder(
    const wire::StreamOptions& options) const {
  return std::make_unique<ValueEncoder>(options);
}

void ValueForm::read_events(std::string_view bytes, Answer& answer) {
  while (!bytes.empty()) answer.add(take_event(bytes));
}

void Answer::take(const wire::ChatResponse& response) {
  response_.id = response.id;
  response_.model = response.model;
  if (response.choices.empty()) return;
  response_.items = to_public(response.choices.front().output);
  response_.finish = to_public(response.choices.front().finish);
}

void Answer::add(const wire::StreamEvent& event) {
  using enum wire::StreamEvent::Type;
  if (event.choice != 0) return;
  switch (event.type) {
    case start:
      if (!event.id.empty()) response_.id = event.id;
      if (!event.model.empty()) response_.model = event.model;
      break;
    case text:
      add_message(Part::Kind::text, event.text);
      add_piece(StreamPiece::Kind::text, event.text);
      break;
    case refusal:
      add_message(Part::Kind::refusal, event.text);
      add_piece(StreamPiece::Kind::refusal, event.text);
      break;
    case reasoning:
      open_reasoning().text += event.text;
      add_piece(StreamPiece::Kind::reasoning, event.text);
      break;
    case reasoning_signature:
      seal(event, &Reasoning::signature);
      break;
    case reasoning_encrypted:
      seal(event, &Reasoning::encrypted);
      break;
    case tool_call_begin:
      begin_call(event);
      break;
    case tool_call_delta:
      if (ToolCall* open = call(event.tool)) open->arguments += event.text;
      break;
    case tool_call_end:
      end_call(event.tool);
      break;
    case finish:
      response_.finish = to_public(event.finish);
      break;
    case usage:
    case error:
      break;  // told by the result of the call
  }
}

void Answer::add_message(Part::Kind kind, std::string_view text) {
  auto* message = response_.items.empty() ? nullptr : std::get_if<Message>(&response_.items.back());
  if (message == nullptr) {
    response_.items.emplace_back(Message{.role = Role::assistant});
    message = std::get_if<Message>(&response_.items.back());
  }
  if (message->parts.empty() || message->parts.back().kind != kind) {
    message->parts.push_back({.kind = kind});
  }
  message->parts.back().text += text;
}

/// A signed block of thoughts is complete: what follows is another one.
Reasoning& Answer::open_reasoning() {
  auto* last = response_.items.empty() ? nullptr : std::get_if<Reasoning>(&response_.items.back());
  if (last != nullptr && last->signature.empty() && last->encrypted.empty()) return *last;
  return std::get<Reasoning>(response_.items.emplace_back(Reasoning{}));
}

void Answer::seal(const wire::StreamEvent& event, std::string Reasoning::* place) {
  Reasoning& sealed = open_reasoning();
  sealed.*place = event.text;
  sealed.sealed_by = wire::seal_format(event.sealed_by);
}

void Answer::begin_call(const wire::StreamEvent& event) {
  calls_[event.tool] = response_.items.size();
  ToolCall made;
  made.id = event.id;
  made.name = event.name;
  made.signature = event.signature;
  response_.items.emplace_back(std::move(made));
}

ToolCall* Answer::call(std::uint32_t tool) {
  const auto found = calls_.find(tool);
  return found == calls_.end() ? nullptr : std::get_if<ToolCall>(&response_.items[found->second]);
}

void Answer::end_call(std::uint32_t tool) {
  const ToolCall* ended = call(tool);
  if (ended == nullptr || !keeps_pieces_) return;
  StreamPiece piece;
  piece.kind = StreamPiece::Kind::tool_call;
  piece.tool_call = *ended;
  pieces_.push_back(std::move(piece));
}

void Answer::add_piece(StreamPiece::Kind kind, std::string_view text) {
  if (!keeps_pieces_ || text.empty()) return;
  StreamPiece piece;
  piece.kind = kind;
  piece.text = text;
  pieces_.push_back(std::move(piece));
}

std::vector<StreamPiece> Answer::take_pieces() { return std::exchange(pieces_, {}); }

ChatResponse Answer::finish() {
  for (const Item& item : response_.items) {
    if (const auto* message = std::get_if<Message>(&item)) response_.text += message->text();
  }
  return std::move(response_);
}

}  // namespace weir::api
