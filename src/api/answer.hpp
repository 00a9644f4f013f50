// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/relay.hpp"
#include "weir/chat.hpp"

namespace weir::api {

/// Puts the answer of one call together, from what its caller is given of a stream or of a whole.
/// Only the first choice is looked at; the library never asks for more.
class Answer {
 public:
  explicit Answer(bool keeps_pieces) : keeps_pieces_(keeps_pieces) {}

  void take(const wire::ChatResponse& response);
  void add(const wire::StreamEvent& event);

  /// What came since the last time, for the reader of a stream.
  std::vector<StreamPiece> take_pieces();
  /// The answer as far as it is known here: id, model, items, text, finish.
  [[nodiscard]] ChatResponse finish();

 private:
  void add_message(Part::Kind kind, std::string_view text);
  Reasoning& open_reasoning();
  void seal(const wire::StreamEvent& event, std::string Reasoning::* place);
  void begin_call(const wire::StreamEvent& event);
  void end_call(std::uint32_t tool);
  ToolCall* call(std::uint32_t tool);
  void add_piece(StreamPiece::Kind kind, std::string_view text);

  bool keeps_pieces_;
  ChatResponse response_;
  std::map<std::uint32_t, std::size_t> calls_;  ///< ordinal to place in `items`
  std::vector<StreamPiece> pieces_;
};

/// Hands an answer over as values in place of text.
///
/// Each attempt writes what it reads as bytes, as it would for an HTTP client: events of a stream
/// with their lengths before them, a whole answer as the place where it is kept. So the attempt
/// loop may hold them back, drop those of an attempt that failed or lost, and join two streams, and
/// none of it reaches the `Answer` before `Delivery` lets it through.
class ValueForm final : public pipeline::AnswerForm {
 public:
  void encode_response(const wire::ChatResponse& response, std::string& out) const override;
  [[nodiscard]] std::unique_ptr<wire::StreamEncoder> make_stream_encoder(
      const wire::StreamOptions& options) const override;

  /// Gives `answer` the events in `bytes`, which a stream's encoder wrote, each of them whole.
  static void read_events(std::string_view bytes, Answer& answer);
  /// The answer that `encode_response` wrote as `text`; null: it is none.
  [[nodiscard]] const wire::ChatResponse* response(std::string_view text) const;

 private:
  mutable std::deque<wire::ChatResponse> responses_;  ///< of the attempts that had one
};

}  // namespace weir::api
