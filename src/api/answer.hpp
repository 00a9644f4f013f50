// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "pipeline/relay.hpp"
#include "weir/chat.hpp"

namespace weir::api {

/// Puts the answer of one call together, from the events of a stream or from a whole. Only the
/// first choice is looked at; the library never asks for more.
class Answer {
 public:
  explicit Answer(bool keeps_pieces) : keeps_pieces_(keeps_pieces) {}

  /// An attempt begins: what an earlier one left behind was never shown to anyone.
  void restart();
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

/// Hands an answer over as values in place of bytes.
///
/// What a relay writes for a client stands here for "something is to be handed over now": one byte
/// an event. The attempt loop decides by these bytes when a stream is committed; the values
/// themselves wait in the `Answer` until `Delivery` lets them through.
class ValueForm final : public pipeline::AnswerForm {
 public:
  explicit ValueForm(Answer& answer) : answer_(answer) {}
  void encode_response(const wire::ChatResponse& response, std::string& out) const override;
  [[nodiscard]] std::unique_ptr<wire::StreamEncoder> make_stream_encoder(
      const wire::StreamOptions& options) const override;

 private:
  Answer& answer_;
};

}  // namespace weir::api
