// SPDX-License-Identifier: Apache-2.0
#include "api/answer.hpp"

#include <utility>

#include "api/convert.hpp"

namespace weir::api {
namespace {

class ValueEncoder final : public wire::StreamEncoder {
 public:
  explicit ValueEncoder(Answer& answer) : answer_(answer) {}
  void encode(const wire::StreamEvent& event, std::string& out) override {
    answer_.add(event);
    if (wire::is_content(event)) out.push_back('.');
  }
  void finish(std::string&) override {}
  // The caller gets the error as a value, from the result of the call.
  void fail(const Error&, std::string_view, std::string&) override {}

 private:
  Answer& answer_;
};

}  // namespace

void ValueForm::encode_response(const wire::ChatResponse& response, std::string& out) const {
  answer_.take(response);
  out.push_back('.');
}

std::unique_ptr<wire::StreamEncoder> ValueForm::make_stream_encoder(
    const wire::StreamOptions& options) const {
  // A stream begins: its decoder may never say so itself.
  wire::StreamEvent start;
  start.type = wire::StreamEvent::Type::start;
  start.id = options.id;
  start.model = options.model;
  answer_.add(start);
  return std::make_unique<ValueEncoder>(answer_);
}

void Answer::restart() {
  response_ = {};
  calls_.clear();
  pieces_.clear();
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
