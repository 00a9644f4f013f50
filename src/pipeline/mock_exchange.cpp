// SPDX-License-Identifier: Apache-2.0
#include "pipeline/mock_exchange.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <optional>
#include <span>
#include <vector>

#include "base/hash.hpp"
#include "json/document.hpp"
#include "json/writer.hpp"
#include "pipeline/schema_example.hpp"
#include "wire/quantities.hpp"

namespace weir::pipeline {
namespace {

using std::chrono::milliseconds;

/// How the model behaves, read from its name.
struct Behaviour {
  int status = 200;
  milliseconds first_delay{0};
  milliseconds word_delay{0};
  std::optional<std::size_t> cut_after;
  std::optional<std::size_t> stall_after;
  bool is_garbage = false;
  bool is_empty = false;
  bool is_echo = false;
};

std::optional<std::size_t> number_after(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return std::nullopt;
  std::size_t number = 0;
  const char* first = name.data() + prefix.size();
  const auto [end, error] = std::from_chars(first, name.data() + name.size(), number);
  if (error != std::errc() || end == first) return std::nullopt;
  return number;
}

Behaviour behaviour_of(std::string_view model) {
  Behaviour behaviour;
  if (const auto status = number_after(model, "error-");
      status && *status >= 400 && *status < 600) {
    behaviour.status = static_cast<int>(*status);
  } else if (const auto delay = number_after(model, "slow-")) {
    behaviour.first_delay = milliseconds(std::min<std::size_t>(*delay, 600'000));
  } else if (model == "slow") {
    behaviour.first_delay = milliseconds(2'000);
    behaviour.word_delay = milliseconds(50);
  }
  behaviour.cut_after = number_after(model, "cut-after-");
  behaviour.stall_after = number_after(model, "stall-after-");
  behaviour.is_garbage = model == "garbage";
  behaviour.is_empty = model == "empty";
  behaviour.is_echo = model == "echo";
  return behaviour;
}

std::size_t words_in(std::string_view text) {
  std::size_t words = 0;
  bool is_inside = false;
  for (const char c : text) {
    const bool is_blank = c == ' ' || c == '\n' || c == '\t' || c == '\r';
    if (!is_blank && !is_inside) ++words;
    is_inside = !is_blank;
  }
  return words;
}

/// Cuts a text behind each blank, so that the pieces together are the text.
std::vector<std::string> pieces_of(std::string_view text) {
  std::vector<std::string> pieces;
  while (!text.empty()) {
    const std::size_t blank = text.find(' ');
    const std::size_t length = blank == std::string_view::npos ? text.size() : blank + 1;
    pieces.emplace_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return pieces;
}

std::string text_of(json::Value content) {
  if (content.is_string()) return content.as_string();
  std::string text;
  if (!content.is_array()) return text;
  for (const json::Value part : content.elements()) {
    const auto piece = part.find("text");
    if (piece && piece->is_string()) piece->append_string_to(text);
  }
  return text;
}

constexpr std::int64_t top_logprobs_max = 20;

/// What the mock needs to know of a chat request.
struct Question {
  std::string model;
  std::string last_text;
  std::string tool_name;         ///< the tool to call; empty: none
  std::string arguments = "{}";  ///< of that call
  std::size_t input_words = 0;
  bool is_stream = false;
  bool wants_usage = false;
  bool wants_json = false;
  bool wants_logprobs = false;
  std::int64_t top_logprobs = 0;
  std::int64_t output_words_max = 0;  ///< 0 = no limit
  std::int64_t choices = 1;
};

std::string member_text(json::Value object, std::string_view key) {
  const auto found = object.find(key);
  return found && found->is_string() ? found->as_string() : std::string();
}

bool member_is_true(json::Value object, std::string_view key) {
  const auto found = object.find(key);
  return found && found->is_boolean() && found->as_bool();
}

/// The function that `tool_choice` names, else the first.
std::optional<json::Value> function_to_call(json::Value root) {
  const auto tools = root.find("tools");
  if (!tools || !tools->is_array() || member_text(root, "tool_choice") == "none") {
    return std::nullopt;
  }
  const auto choice = root.find("tool_choice");
  const auto chosen = choice ? choice->find("function") : std::nullopt;
  const std::string wanted = chosen ? member_text(*chosen, "name") : std::string();
  for (const json::Value tool : tools->elements()) {
    const auto function = tool.find("function");
    if (!function) continue;
    if (wanted.empty() || member_text(*function, "name") == wanted) return function;
  }
  return std::nullopt;
}

/// What the function's own schema takes.
std::string arguments_for(json::Value function) {
  std::string arguments;
  if (const auto parameters = function.find("parameters")) append_example(*parameters, arguments);
  return arguments.starts_with('{') ? arguments : "{}";
}

Question question_of(json::Value root) {
  Question question;
  question.model = member_text(root, "model");
  question.is_stream = member_is_true(root, "stream");
  if (const auto options = root.find("stream_options")) {
    question.wants_usage = member_is_true(*options, "include_usage");
  }
  for (const char* key : {"max_tokens", "max_completion_tokens"}) {
    if (const auto limit = root.find(key)) question.output_words_max = limit->as_int().value_or(0);
  }
  if (const auto choices = root.find("n")) {
    question.choices =
        std::clamp<std::int64_t>(choices->as_int().value_or(1), 1, wire::choices_max);
  }
  question.wants_logprobs = member_is_true(root, "logprobs");
  if (const auto top = root.find("top_logprobs")) {
    question.top_logprobs =
        std::clamp<std::int64_t>(top->as_int().value_or(0), 0, top_logprobs_max);
  }
  if (const auto format = root.find("response_format")) {
    question.wants_json = member_text(*format, "type").starts_with("json");
  }
  bool is_tool_result = false;
  if (const auto messages = root.find("messages"); messages && messages->is_array()) {
    for (const json::Value message : messages->elements()) {
      const auto content = message.find("content");
      const std::string text = content ? text_of(*content) : std::string();
      question.input_words += words_in(text);
      const std::string role = member_text(message, "role");
      is_tool_result = role == "tool";
      if (role == "user" || role == "tool") question.last_text = text;
    }
  }
  const auto function = is_tool_result ? std::nullopt : function_to_call(root);
  if (function) {
    question.tool_name = member_text(*function, "name");
    question.arguments = arguments_for(*function);
  }
  return question;
}

/// An answer, before it is written in either form; each choice says the same.
struct Reply {
  std::string text;
  std::string tool_name;
  std::string finish = "stop";
  std::size_t input_words = 0;
  std::size_t output_words = 0;  ///< of all choices
};

Reply reply_to(const Question& question, const Behaviour& behaviour) {
  Reply reply;
  reply.input_words = question.input_words;
  const auto choices = static_cast<std::size_t>(question.choices);
  if (!question.tool_name.empty()) {
    reply.tool_name = question.tool_name;
    reply.finish = "tool_calls";
    reply.output_words = choices;
    return reply;
  }
  if (behaviour.is_echo) {
    reply.text = question.last_text;
  } else if (question.wants_json) {
    reply.text = R"({"mock":true})";
  } else {
    reply.text = "This is the mock provider. You said: " + question.last_text;
    const std::size_t wanted =
        std::max(behaviour.cut_after.value_or(0), behaviour.stall_after.value_or(0)) + 20;
    while (behaviour.cut_after.has_value() + behaviour.stall_after.has_value() > 0 &&
           words_in(reply.text) < wanted) {
      reply.text += " more";
    }
  }
  const auto limit = static_cast<std::size_t>(question.output_words_max);
  if (limit > 0 && words_in(reply.text) > limit) {
    std::string kept;
    const auto pieces = pieces_of(reply.text);
    for (std::size_t i = 0; i < limit && i < pieces.size(); ++i) kept += pieces[i];
    reply.text = std::move(kept);
    reply.finish = "length";
  }
  reply.output_words = words_in(reply.text) * choices;
  return reply;
}

void append_usage(json::Writer& json, const Reply& reply) {
  const auto input = static_cast<std::int64_t>(reply.input_words);
  const auto output = static_cast<std::int64_t>(reply.output_words);
  json.key("usage").begin_object().member("prompt_tokens", input);
  json.member("completion_tokens", output).member("total_tokens", input + output).end_object();
}

// ---- log probabilities: each piece is a token, as likely as its letters make it ----------------

/// The members that tell of one token.
void append_token(json::Writer& json, std::string_view token, double logprob) {
  json.member("token", token).key("logprob").number(logprob).key("bytes").begin_array();
  for (const char byte : token) json.integer(static_cast<unsigned char>(byte));
  json.end_array();
}

/// An array with an entry for each of `tokens`. The alternatives to a token are itself and others
/// that are less and less likely.
void append_logprob_entries(json::Writer& json, std::span<const std::string> tokens,
                            std::int64_t alternatives) {
  json.begin_array();
  for (const std::string& token : tokens) {
    const double logprob = -static_cast<double>(hash_of(token) % 64) / 128;
    json.begin_object();
    append_token(json, token, logprob);
    json.key("top_logprobs").begin_array();
    for (std::int64_t i = 0; i < alternatives; ++i) {
      json.begin_object();
      const std::string other = i == 0 ? token : "other-" + std::to_string(i);
      append_token(json, other, logprob - static_cast<double>(i));
      json.end_object();
    }
    json.end_array().end_object();
  }
  json.end_array();
}

/// `logprobs` of a choice, raw; null where they are not asked for, or the tokens are none.
std::string logprobs_of(const Question& question, std::span<const std::string> tokens) {
  if (!question.wants_logprobs || tokens.empty()) return "null";
  std::string out;
  json::Writer json(out);
  json.begin_object().key("content");
  append_logprob_entries(json, tokens, question.top_logprobs);
  json.key("refusal").null().end_object();
  return out;
}

constexpr std::string_view answer_id = "chatcmpl-mock";
constexpr std::string_view call_id = "call_mock_1";

void append_choice(json::Writer& json, std::int64_t index, const Question& question,
                   const Reply& reply) {
  json.begin_object().member("index", index).key("message").begin_object();
  json.member("role", "assistant");
  if (reply.tool_name.empty()) {
    json.member("content", reply.text);
  } else {
    json.key("content").null().key("tool_calls").begin_array().begin_object();
    json.member("id", call_id).member("type", "function").key("function").begin_object();
    json.member("name", reply.tool_name).member("arguments", question.arguments).end_object();
    json.end_object().end_array();
  }
  json.key("refusal").null().end_object().key("logprobs");
  const bool is_text = reply.tool_name.empty();
  json.raw(is_text ? logprobs_of(question, pieces_of(reply.text)) : std::string("null"));
  json.member("finish_reason", reply.finish).end_object();
}

std::string whole_answer(const Question& question, const Reply& reply, std::int64_t created) {
  std::string out;
  json::Writer json(out);
  json.begin_object().member("id", answer_id).member("object", "chat.completion");
  json.member("created", created).member("model", question.model).key("choices").begin_array();
  for (std::int64_t index = 0; index < question.choices; ++index) {
    append_choice(json, index, question, reply);
  }
  json.end_array();
  append_usage(json, reply);
  json.end_object();
  return out;
}

/// One chunk per piece and choice; `delta` is raw JSON.
std::string chunk(const Question& question, std::int64_t created, std::int64_t index,
                  std::string_view delta, std::string_view logprobs, std::string_view finish) {
  std::string data;
  json::Writer json(data);
  json.begin_object().member("id", answer_id).member("object", "chat.completion.chunk");
  json.member("created", created).member("model", question.model).key("choices").begin_array();
  json.begin_object().member("index", index).key("delta").raw(delta);
  json.key("logprobs").raw(logprobs).key("finish_reason");
  if (finish.empty()) {
    json.null();
  } else {
    json.string(finish);
  }
  json.end_object().end_array().end_object();
  return "data: " + data + "\n\n";
}

std::vector<std::string> stream_of(const Question& question, const Reply& reply,
                                   std::int64_t created) {
  std::vector<std::string> frames;
  const auto add = [&](std::string_view delta, std::string_view finish = {},
                       std::string_view logprobs = "null") {
    std::string chunks;
    for (std::int64_t index = 0; index < question.choices; ++index) {
      chunks += chunk(question, created, index, delta, logprobs, finish);
    }
    frames.push_back(std::move(chunks));
  };
  add(R"({"role":"assistant","content":""})");
  if (!reply.tool_name.empty()) {
    std::string delta = R"({"tool_calls":[{"index":0,"id":"call_mock_1","type":"function",)"
                        R"("function":{"name":)";
    json::append_string(delta, reply.tool_name);
    delta += R"(,"arguments":)";
    json::append_string(delta, question.arguments);
    delta += "}}]}";
    add(delta);
  }
  for (const std::string& piece : pieces_of(reply.text)) {
    std::string delta = R"({"content":)";
    json::append_string(delta, piece);
    add(delta + "}", {}, logprobs_of(question, std::span(&piece, 1)));
  }
  add("{}", reply.finish);
  if (question.wants_usage) {
    std::string data;
    json::Writer json(data);
    json.begin_object().member("id", answer_id).member("object", "chat.completion.chunk");
    json.member("created", created).member("model", question.model);
    json.key("choices").begin_array().end_array();
    append_usage(json, reply);
    json.end_object();
    frames.push_back("data: " + data + "\n\n");
  }
  frames.emplace_back("data: [DONE]\n\n");
  return frames;
}

/// Numbers that depend on the text alone, together of length one.
void append_vector(json::Writer& json, std::string_view text, std::int64_t dimensions) {
  // Each bit chooses a sign.
  std::uint64_t hash = hash_of(text);
  const double size = std::round(1e6 / std::sqrt(static_cast<double>(dimensions))) / 1e6;
  json.begin_array();
  for (std::int64_t i = 0; i < dimensions; ++i) {
    if (i > 0 && i % 64 == 0) hash = mixed(hash);
    json.number(((hash >> (i % 64)) & 1U) != 0 ? size : -size);
  }
  json.end_array();
}

std::string embeddings_answer(json::Value root, const std::string& model) {
  std::string out;
  json::Writer json(out);
  json.begin_object().member("object", "list").member("model", model).key("data").begin_array();
  std::int64_t words = 0;
  std::int64_t index = 0;
  std::int64_t dimensions = 8;
  if (const auto wanted = root.find("dimensions")) {
    dimensions = std::clamp<std::int64_t>(wanted->as_int().value_or(8), 1, wire::dimensions_max);
  }
  const auto add = [&](json::Value input) {
    const std::string text = input.is_string() ? input.as_string() : std::string(input.raw());
    words += static_cast<std::int64_t>(words_in(text));
    json.begin_object().member("object", "embedding").member("index", index++).key("embedding");
    append_vector(json, text, dimensions);
    json.end_object();
  };
  if (const auto input = root.find("input")) {
    const bool is_list =
        input->is_array() && input->size() > 0 && !(*input->elements().begin()).is_number();
    if (is_list) {
      for (const json::Value element : input->elements()) add(element);
    } else {
      add(*input);
    }
  }
  json.end_array().key("usage").begin_object().member("prompt_tokens", words);
  json.member("total_tokens", words).end_object().end_object();
  return out;
}

class MockExchange final : public net::Exchange {
 public:
  MockExchange(net::Loop& loop, net::Cancellation& cancellation, std::int64_t unix_seconds)
      : loop_(loop), cancellation_(cancellation), created_(unix_seconds) {}

  net::Task<net::ExchangeResult> send(std::string_view, std::string_view head,
                                      std::string_view body, const net::ExchangeTimeouts&,
                                      const net::ExchangeLimits&) override {
    net::ExchangeResult result;
    json::Document document;
    if (const auto parsed = document.parse(body); !parsed) {
      result = {net::ExchangeError::malformed, parsed.error().message};
      co_return result;
    }
    const Question question = question_of(document.root());
    behaviour_ = behaviour_of(question.model);
    const bool has_waited = co_await pause(behaviour_.first_delay);
    if (!has_waited) {
      result.error = net::ExchangeError::cancelled;
      co_return result;
    }
    if (behaviour_.is_empty) {
      result = {net::ExchangeError::reset_sent, "the mock closed the connection"};
      co_return result;
    }
    compose(question, document.root(), head);
    co_return result;
  }

  [[nodiscard]] const net::http::ResponseHead& head() const override { return head_; }

  net::Task<Piece> read(net::Duration timeout) override {
    Piece piece;
    if (next_ == frames_.size()) {
      piece.is_last = true;
      co_return piece;
    }
    if (is_stream_ && next_ > 0) {
      const bool stalls = behaviour_.stall_after && next_ > *behaviour_.stall_after;
      const net::Duration time = stalls ? timeout : net::Duration(behaviour_.word_delay);
      const bool has_waited = co_await pause(time);
      if (!has_waited || stalls) {
        piece.error = has_waited ? net::ExchangeError::stalled : net::ExchangeError::cancelled;
        co_return piece;
      }
      if (behaviour_.cut_after && next_ > *behaviour_.cut_after) {
        piece.error = net::ExchangeError::cut;
        co_return piece;
      }
    }
    piece.bytes = frames_[next_++];
    piece.is_last = next_ == frames_.size();
    co_return piece;
  }

  void finish(net::Duration) override {}
  void close() override { closed_.cancel(); }

 private:
  /// Waits, unless the request or this exchange ends first.
  net::Task<bool> pause(net::Duration time) {
    if (closed_.is_cancelled() || cancellation_.is_cancelled()) co_return false;
    if (time <= net::Duration::zero()) co_return true;
    Closer closer(closed_, cancellation_);
    net::Sleep sleep(loop_, loop_.now() + time, closed_);
    const bool has_waited = co_await sleep;
    co_return has_waited;
  }

  /// Carries the request's end over to this exchange.
  class Closer final : public net::Cancellable {
   public:
    Closer(net::Cancellation& closed, net::Cancellation& request) : closed_(closed) {
      request.add(*this);
    }

   private:
    void on_cancel() override { closed_.cancel(); }
    net::Cancellation& closed_;
  };

  void compose(const Question& question, json::Value root, std::string_view head) {
    head_.status = behaviour_.status;
    is_stream_ = question.is_stream && behaviour_.status == 200;
    head_.fields.add({"content-type", is_stream_ ? "text/event-stream" : "application/json"});
    if (behaviour_.status == 429) head_.fields.add({"retry-after", "1"});
    if (behaviour_.status != 200) {
      frames_.push_back(R"({"error":{"message":"The mock was asked to fail.","type":"mock_error",)"
                        R"("param":null,"code":null}})");
    } else if (behaviour_.is_garbage) {
      frames_.emplace_back(is_stream_ ? "data: {\"choices\":[{\n\n" : "<html>garbage</html>");
    } else if (head.substr(0, head.find("\r\n")).find("/embeddings") != std::string_view::npos) {
      frames_.push_back(embeddings_answer(root, question.model));
    } else if (is_stream_) {
      frames_ = stream_of(question, reply_to(question, behaviour_), created_);
    } else {
      frames_.push_back(whole_answer(question, reply_to(question, behaviour_), created_));
    }
  }

  net::Loop& loop_;
  net::Cancellation& cancellation_;
  net::Cancellation closed_;
  std::int64_t created_;
  Behaviour behaviour_;
  net::http::ResponseHead head_;
  std::vector<std::string> frames_;
  std::size_t next_ = 0;
  bool is_stream_ = false;
};

}  // namespace

std::unique_ptr<net::Exchange> make_mock_exchange(net::Loop& loop, net::Cancellation& cancellation,
                                                  std::int64_t unix_seconds) {
  return std::make_unique<MockExchange>(loop, cancellation, unix_seconds);
}

}  // namespace weir::pipeline
