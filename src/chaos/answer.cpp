// SPDX-License-Identifier: Apache-2.0
#include "chaos/answer.hpp"

#include <algorithm>
#include <array>
#include <variant>

#include <zlib.h>

#include "json/document.hpp"
#include "net/http/head_writer.hpp"
#include "pipeline/codecs.hpp"
#include "wire/error_writer.hpp"

namespace weir::chaos {
namespace {

using pipeline::Codec;
using Piece = Script::Piece;

constexpr std::string_view answer_id = "chaos-1";
constexpr std::size_t bomb_bytes = std::size_t{256} << 20;

std::int64_t tokens_of(std::string_view text) {
  return static_cast<std::int64_t>((text.size() + 3) / 4);
}

/// What the user said last.
std::string last_text(const wire::ChatRequest& request) {
  for (auto item = request.items.rbegin(); item != request.items.rend(); ++item) {
    const auto* message = std::get_if<wire::Message>(&*item);
    if (message == nullptr || message->role != wire::Role::user) continue;
    std::string text;
    for (const wire::Part& part : message->parts) {
      if (part.kind == wire::PartKind::text) text += part.text;
    }
    return text;
  }
  return {};
}

/// Cuts a text behind each blank: what counts as a token here.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::size_t blank = text.find(' ');
    const std::size_t length = blank == std::string_view::npos ? text.size() : blank + 1;
    words.emplace_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return words;
}

std::string error_text(wire::Dialect dialect, int status) {
  Error error(status == 429   ? ErrorCode::upstream_rate_limited
              : status == 401 ? ErrorCode::invalid_api_key
              : status < 500  ? ErrorCode::invalid_request
                              : ErrorCode::upstream_error,
              "scripted by weir chaos");
  std::string out;
  wire::append_error_body(out, dialect, error, answer_id);
  return out;
}

/// A few hundred kilobytes that unpack to a thousand times as much.
std::string gzip_bomb() {
  z_stream stream{};
  std::string out;
  constexpr int gzip_window = 15 + 16;
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, gzip_window, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    return out;
  }
  static constexpr std::array<Bytef, std::size_t{64} << 10> blanks{};
  std::array<char, std::size_t{64} << 10> room{};
  for (std::size_t done = 0; done <= bomb_bytes; done += blanks.size()) {
    stream.next_in = const_cast<Bytef*>(blanks.data());
    stream.avail_in = blanks.size();
    const int flush = done + blanks.size() > bomb_bytes ? Z_FINISH : Z_NO_FLUSH;
    do {
      stream.next_out = reinterpret_cast<Bytef*>(room.data());
      stream.avail_out = room.size();
      deflate(&stream, flush);
      out.append(room.data(), room.size() - stream.avail_out);
    } while (stream.avail_out == 0);
  }
  deflateEnd(&stream);
  return out;
}

wire::Usage usage_of(const Script& script, std::size_t words, const Fault& fault) {
  wire::Usage usage;
  usage.input = script.input_tokens;
  usage.output = fault.usage_lie.value_or(static_cast<std::int64_t>(words));
  return usage;
}

wire::ChatResponse whole_answer(const Script& script, const std::vector<std::string>& words,
                                const wire::Usage& usage, std::int64_t unix_seconds) {
  std::string text;
  for (const std::string& word : words) text += word;
  wire::Message message;
  message.role = wire::Role::assistant;
  message.parts.push_back(wire::Part::text_of(std::move(text)));
  wire::Choice choice;
  choice.output.emplace_back(std::move(message));
  choice.finish = wire::Finish::stop;
  wire::ChatResponse response;
  response.id = answer_id;
  response.created = unix_seconds;
  response.model = script.model;
  response.choices.push_back(std::move(choice));
  response.usage = usage;
  return response;
}

/// A place in the answer where it goes another way.
bool is_at(const std::optional<std::size_t>& place, std::size_t token) {
  return place && *place == token;
}

void add_stream(Script& script, const Codec& codec, const std::vector<std::string>& words,
                const Fault& fault, std::int64_t unix_seconds) {
  using Type = wire::StreamEvent::Type;
  const auto encoder = codec.make_stream_encoder(
      {.id = answer_id, .model = script.model, .created = unix_seconds, .wants_usage = true});
  const auto push = [&](std::string bytes, std::int64_t tokens) {
    if (!bytes.empty()) script.pieces.push_back({std::move(bytes), tokens, milliseconds(0)});
  };
  std::string frame;
  encoder->encode(
      {.type = Type::start, .id = answer_id, .model = script.model, .created = unix_seconds},
      frame);
  push(std::move(frame), 0);
  for (std::size_t i = 0; i < words.size(); ++i) {
    frame.clear();
    if (is_at(fault.cut_token, i) || is_at(fault.stall_token, i)) {
      script.end = is_at(fault.cut_token, i) ? Script::End::cut : Script::End::stall;
      return;
    }
    if (is_at(fault.error_event_token, i)) {
      encoder->fail(Error(ErrorCode::overloaded, "scripted by weir chaos"), answer_id, frame);
      push(std::move(frame), 0);
      return;
    }
    if (is_at(fault.garbage_token, i)) {
      push(codec.framing == wire::Framing::sse ? "data: {\"choices\": [{\"del\n\n" : "{\"mess\n",
           0);
    }
    encoder->encode({.type = Type::text, .text = words[i]}, frame);
    push(std::move(frame), 1);
    script.pieces.back().wait = fault.drip;
  }
  if (fault.cut_token || fault.stall_token) {
    script.end = fault.cut_token ? Script::End::cut : Script::End::stall;
    return;
  }
  if (fault.has_no_terminator) return;
  const wire::Usage usage = usage_of(script, words.size(), fault);
  frame.clear();
  encoder->encode({.type = Type::finish, .finish = wire::Finish::stop}, frame);
  encoder->encode({.type = Type::usage, .usage = &usage}, frame);
  encoder->finish(frame);
  if (fault.has_two_terminators) push(frame, 0);
  push(std::move(frame), 0);
}

void add_whole(Script& script, const Codec& codec, const std::vector<std::string>& words,
               const Fault& fault, std::int64_t unix_seconds) {
  std::string body;
  const wire::Usage usage = usage_of(script, words.size(), fault);
  codec.encode_response(whole_answer(script, words, usage, unix_seconds), body);
  script.length_lie = fault.length_lie;
  if (fault.garbage_token) body = R"({"id": "chaos-1", "choices": [)";
  if (fault.error_event_token) body = error_text(wire::Dialect::openai_chat, 503);
  std::size_t sent = body.size();
  if (fault.stall_token) {
    sent = std::min(sent, *fault.stall_token);
    script.end = Script::End::stall;
  } else if (fault.cut_token) {
    sent /= 2;
    script.end = Script::End::cut;
  }
  // What is promised is the whole.
  script.length_lie += static_cast<std::int64_t>(body.size() - sent);
  body.resize(sent);
  script.pieces.push_back({std::move(body), static_cast<std::int64_t>(words.size()), fault.drip});
}

/// Closes after so many bytes of the body, whatever stands there.
void cut_at_byte(Script& script, std::size_t place) {
  std::size_t left = place;
  for (auto piece = script.pieces.begin(); piece != script.pieces.end(); ++piece) {
    if (piece->bytes.size() <= left) {
      left -= piece->bytes.size();
      continue;
    }
    script.length_lie += static_cast<std::int64_t>(piece->bytes.size() - left);
    piece->bytes.resize(left);
    script.pieces.erase(std::next(piece), script.pieces.end());
    script.end = Script::End::cut;
    return;
  }
}

Script refusal(const Ask& ask, int status) {
  Script script;
  script.status = status;
  script.pieces.push_back({error_text(ask.dialect, status), 0, milliseconds(0)});
  return script;
}

}  // namespace

Script make_script(const Ask& ask, const Fault& fault, std::int64_t unix_seconds) {
  const Codec& codec = pipeline::codec_of(ask.dialect);
  json::Document document;
  if (!document.parse(ask.body)) return refusal(ask, 400);
  auto request = codec.decode_request(document.root());
  if (!request) return refusal(ask, 400);
  Script script;
  if (fault.status >= 300) script = refusal(ask, fault.status);
  if (!fault.retry_after.empty()) {
    net::http::append_field(script.fields, "retry-after", fault.retry_after);
  }
  script.model = ask.path_model.empty() ? request->model : ask.path_model;
  if (!fault.redirect.empty()) {
    script.status = 302;
    net::http::append_field(script.fields, "location", fault.redirect);
  } else if (fault.is_gzip_bomb) {
    net::http::append_field(script.fields, "content-encoding", "gzip");
    script.pieces.push_back({gzip_bomb(), 0, milliseconds(0)});
  } else if (fault.status < 300) {
    script.status = fault.status;
    script.is_stream = request->stream || ask.is_path_stream;
    script.input_tokens = tokens_of(ask.body);
    const auto words = words_of("echo: " + last_text(*request));
    if (script.is_stream) {
      script.media_type = codec.stream_media_type;
      add_stream(script, codec, words, fault, unix_seconds);
    } else {
      add_whole(script, codec, words, fault, unix_seconds);
    }
  }
  if (fault.cut_byte) cut_at_byte(script, *fault.cut_byte);
  if (!script.pieces.empty()) script.pieces.front().wait += fault.delay;
  return script;
}

}  // namespace weir::chaos
