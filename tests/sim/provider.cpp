// SPDX-License-Identifier: Apache-2.0
#include "sim/provider.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>
#include <utility>

#include "json/document.hpp"
#include "json/writer.hpp"

namespace weir::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::array<std::string_view, fault_count> names{"none",
                                                          "refuse_connection",
                                                          "silent_connection",
                                                          "close_before_answer",
                                                          "never_answer",
                                                          "server_error",
                                                          "overloaded",
                                                          "rate_limit",
                                                          "rate_limit_untold",
                                                          "bad_key",
                                                          "html",
                                                          "broken_json",
                                                          "cut_body",
                                                          "lying_length",
                                                          "late_start",
                                                          "cut_stream",
                                                          "reset_stream",
                                                          "stall_stream",
                                                          "broken_event",
                                                          "error_event",
                                                          "no_terminator",
                                                          "double_terminator"};

constexpr bool is_of_connection(Fault fault) {
  return fault == Fault::refuse_connection || fault == Fault::silent_connection;
}
constexpr bool is_of_stream(Fault fault) { return fault >= Fault::cut_stream; }
constexpr bool is_of_whole(Fault fault) {
  return fault == Fault::broken_json || fault == Fault::cut_body || fault == Fault::lying_length;
}

/// What a request asks for, read out of its last user message: `R.N`, words from 0 to N.
struct Order {
  std::uint64_t request = 0;
  std::uint32_t words = 0;
  std::uint32_t already = 0;  ///< words that stand in an unfinished turn of the assistant
  bool is_stream = false;
  bool wants_usage = false;
};

std::optional<Order> read_order(std::string_view body) {
  json::Document document;
  if (!document.parse(body)) return std::nullopt;
  Order order;
  const json::Value root = document.root();
  const auto messages = root.find("messages");
  if (!messages) return std::nullopt;
  std::string text;
  std::string begun;
  for (const json::Value message : messages->elements()) {
    const auto content = message.find("content");
    const auto role = message.find("role");
    if (!content || !role || !content->is_string()) continue;
    begun.clear();
    (role->equals("user") ? text : begun) = content->as_string();
  }
  const std::size_t dot = text.find('.');
  if (dot == std::string::npos) return std::nullopt;
  const char* const end = text.data() + text.size();
  std::from_chars(text.data(), text.data() + dot, order.request);
  std::from_chars(text.data() + dot + 1, end, order.words);
  order.already = static_cast<std::uint32_t>(std::count(begun.begin(), begun.end(), ' '));
  const auto stream = root.find("stream");
  order.is_stream = stream && stream->is_boolean() && stream->as_bool();
  const auto options = root.find("stream_options");
  order.wants_usage = options.has_value();
  return order;
}

std::string usage_json(const Order& order) {
  const std::uint32_t output = order.words - order.already;
  std::string out = R"("usage":{"prompt_tokens":3,"completion_tokens":)";
  out.append(std::to_string(output)).append(R"(,"total_tokens":)");
  return out.append(std::to_string(output + 3)).append("}");
}

std::string whole_json(const Order& order) {
  std::string out =
      R"({"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,)"
      R"("message":{"role":"assistant","content":")";
  out.append(words_of(order.request, order.already, order.words));
  return out.append(R"("},"finish_reason":"stop"}],)").append(usage_json(order)).append("}");
}

std::string event(std::string_view choices, std::string_view more = {}) {
  std::string out =
      R"(data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[)";
  return out.append(choices).append("]").append(more).append("}\n\n");
}

std::string word_event(const Order& order, std::uint32_t word) {
  std::string choice = R"({"index":0,"delta":{"content":")";
  choice.append(words_of(order.request, word, word + 1));
  return event(choice.append(R"("},"finish_reason":null})"));
}

std::string end_events(const Order& order) {
  std::string out = event(R"({"index":0,"delta":{},"finish_reason":"stop"})");
  if (order.wants_usage) out.append(event("", "," + usage_json(order)));
  return out.append("data: [DONE]\n\n");
}

std::string head(std::string_view status, std::string_view media_type, std::string_view framing,
                 std::string_view more = {}) {
  std::string out = "HTTP/1.1 ";
  out.append(status).append("\r\ncontent-type: ").append(media_type).append("\r\n");
  return out.append(framing).append("\r\n").append(more).append("\r\n");
}

std::string whole_answer(std::string_view status, std::string_view media_type,
                         std::string_view body, std::string_view more = {}) {
  const std::string framing = "content-length: " + std::to_string(body.size());
  return head(status, media_type, framing, more).append(body);
}

std::string chunk(std::string_view bytes) {
  std::array<char, 16> size{};
  const auto end = std::to_chars(size.data(), size.data() + size.size(), bytes.size(), 16).ptr;
  return std::string(size.data(), end).append("\r\n").append(bytes).append("\r\n");
}

std::string error_body(std::string_view message) {
  std::string out = R"({"error":{"message":")";
  return out.append(message).append(R"(","type":"error","code":null}})");
}

}  // namespace

std::string_view name(Fault fault) noexcept { return names[static_cast<std::size_t>(fault)]; }

std::string words_of(std::uint64_t request, std::uint32_t from, std::uint32_t to) {
  std::string out;
  for (std::uint32_t word = from; word < to; ++word) {
    out.append(std::to_string(request)).append(".").append(std::to_string(word)).append(" ");
  }
  return out;
}

/// One connection of the gateway: reads requests, plays answers.
class Provider::Connection final : public Peer,
                                   public std::enable_shared_from_this<Provider::Connection> {
 public:
  Connection(Provider& provider, std::shared_ptr<Wire> wire)
      : provider_(provider), wire_(std::move(wire)) {}

  void on_bytes(std::string_view bytes) override {
    input_.append(bytes);
    take_request();
  }

  void on_close() override {
    is_gone_ = true;
    if (service_) close_service();
    wire_.reset();
  }

 private:
  void take_request() {
    const std::size_t head_end = input_.find("\r\n\r\n");
    if (head_end == std::string::npos) return;
    constexpr std::string_view field = "content-length: ";
    std::size_t length = 0;
    if (const std::size_t at = input_.find(field); at < head_end) {
      std::from_chars(input_.data() + at + field.size(), input_.data() + head_end, length);
    }
    if (input_.size() < head_end + 4 + length) return;
    const std::string body = input_.substr(head_end + 4, length);
    input_.erase(0, head_end + 4 + length);
    if (const auto order = read_order(body)) serve(*order);
  }

  void serve(const Order& order) {
    order_ = order;
    service_ = std::make_shared<Service>();
    service_->request = order.request;
    provider_.book_.push_back(service_);
    do {
      fault_ = provider_.draw_fault(false);
    } while (order.is_stream ? is_of_whole(fault_) : is_of_stream(fault_));
    provider_.trace_.add(provider_.loop_.now(), provider_.name_, sim::name(fault_), order.request);
    const auto wait = milliseconds(provider_.random_.uniform(50, 900));
    const auto late =
        fault_ == Fault::late_start ? seconds(provider_.random_.uniform(5, 200)) : seconds(0);
    later(wait + late, [](Connection& self) { self.answer(); });
  }

  void answer() {
    switch (fault_) {
      case Fault::close_before_answer:
        return drop(true);
      case Fault::never_answer:
        return;
      case Fault::server_error:
        return refuse("500 Oops", {});
      case Fault::overloaded:
        return refuse("503 Busy", "retry-after: 2\r\n");
      case Fault::rate_limit:
        return refuse("429 Slow", "retry-after: 7\r\n");
      case Fault::rate_limit_untold:
        return refuse("429 Slow", {});
      case Fault::bad_key:
        return refuse("401 Who", {});
      case Fault::html:
        return say(whole_answer("200 OK", "text/html", "<html>"));
      default:
        return order_.is_stream ? begin_stream() : answer_whole();
    }
  }

  void refuse(std::string_view status, std::string_view fields) {
    say(whole_answer(status, "application/json", error_body(status), fields));
  }

  void answer_whole() {
    const std::string body = whole_json(order_);
    const std::string_view half = std::string_view(body).substr(0, body.size() / 2);
    const std::string length = "content-length: " + std::to_string(body.size());
    if (fault_ == Fault::broken_json) return say(whole_answer("200 OK", "application/json", half));
    if (fault_ == Fault::cut_body) {
      wire_->send(head("200 OK", "application/json", length).append(half));
      return drop(false);
    }
    service_->words_sent = order_.words - order_.already;
    service_->is_complete = true;
    std::string answer = whole_answer("200 OK", "application/json", body);
    if (fault_ == Fault::lying_length) answer.append("and more");
    say(std::move(answer));
  }

  void begin_stream() {
    wire_->send(head("200 OK", "text/event-stream", "transfer-encoding: chunked"));
    wire_->send(chunk(event(R"({"index":0,"delta":{"role":"assistant"},"finish_reason":null})")));
    next_word_ = order_.already;
    const std::uint32_t words = order_.words - order_.already;
    fault_at_ = order_.already +
                static_cast<std::uint32_t>(provider_.random_.uniform(0, words > 0 ? words - 1 : 0));
    send_next();
  }

  void send_next() {
    if (is_of_stream(fault_) && next_word_ == fault_at_ && play_stream_fault()) return;
    if (next_word_ < order_.words) {
      wire_->send(chunk(word_event(order_, next_word_++)));
      service_->words_sent += 1;
      const auto pace = milliseconds(provider_.random_.uniform(1, 60));
      return later(pace, [](Connection& self) { self.send_next(); });
    }
    if (fault_ != Fault::no_terminator) {
      service_->is_complete = true;
      wire_->send(chunk(end_events(order_)));
      if (fault_ == Fault::double_terminator) wire_->send(chunk("data: [DONE]\n\n"));
    }
    say("0\r\n\r\n");
  }

  /// True when nothing follows.
  bool play_stream_fault() {
    const Fault fault = fault_;
    switch (fault) {
      case Fault::cut_stream:
      case Fault::reset_stream:
        drop(fault == Fault::reset_stream);
        return true;
      case Fault::stall_stream:
        return true;
      case Fault::broken_event:
        // It held a word, so whoever skips it loses that.
        wire_->send(chunk("data: {\"broken\n\n"));
        next_word_ += 1;
        fault_ = Fault::none;
        return false;
      case Fault::error_event:
        wire_->send(chunk("data: " + error_body("overloaded") + "\n\n"));
        say("0\r\n\r\n");
        return true;
      default:
        return false;  // they play at the end
    }
  }

  void say(std::string bytes) {
    wire_->send(std::move(bytes));
    close_service();
  }

  void drop(bool by_reset) {
    close_service();
    is_gone_ = true;
    by_reset ? wire_->reset() : wire_->end();
  }

  void close_service() {
    if (!service_->is_open) return;
    service_->is_open = false;
    service_->ended = provider_.loop_.now();
  }

  void later(net::Duration wait, void (*work)(Connection&)) {
    provider_.loop_.after(wait, [self = shared_from_this(), work, turn = service_] {
      if (!self->is_gone_ && self->service_ == turn) work(*self);
    });
  }

  Provider& provider_;
  std::shared_ptr<Wire> wire_;
  std::string input_;
  Order order_;
  std::shared_ptr<Service> service_;
  Fault fault_ = Fault::none;
  std::uint32_t next_word_ = 0;
  std::uint32_t fault_at_ = 0;
  bool is_gone_ = false;
};

Provider::Provider(VirtualLoop& loop, Random& random, Trace& trace, std::string name)
    : loop_(loop), random_(random), trace_(trace), name_(std::move(name)) {}

const Reception* Provider::receive() {
  const Fault fault = draw_fault(true);
  reception_.kind = fault == Fault::refuse_connection   ? Reception::Kind::refuse
                    : fault == Fault::silent_connection ? Reception::Kind::silence
                                                        : Reception::Kind::accept;
  reception_.latency = std::chrono::microseconds(random_.uniform(100, 40'000));
  reception_.serve = [this](const std::shared_ptr<Wire>& wire) -> std::shared_ptr<Peer> {
    return std::make_shared<Connection>(*this, wire);
  };
  trace_.add(loop_.now(), name_, "connection", static_cast<std::uint64_t>(fault));
  return &reception_;
}

Fault Provider::draw_fault(bool is_connection) {
  if (is_calm_) return Fault::none;
  if (loop_.now() >= weather_.until) change_weather();
  auto left = random_.uniform(0, 999);
  for (std::size_t i = 0; i < fault_count; ++i) {
    const auto fault = static_cast<Fault>(i);
    if (is_of_connection(fault) != is_connection) continue;
    left -= weather_.per_mille[i];
    if (left < 0) return fault;
  }
  return Fault::none;
}

/// Fair, showers of everything, or a storm of one kind; each for a while.
void Provider::change_weather() {
  weather_.per_mille.fill(0);
  const auto kind = random_.uniform(0, 9);
  if (kind < 5) {
    weather_.per_mille[static_cast<std::size_t>(random_.uniform(1, fault_count - 1))] = 20;
  } else if (kind < 8) {
    for (std::size_t i = 1; i < fault_count; ++i) weather_.per_mille[i] = 15;
  } else {
    weather_.per_mille[static_cast<std::size_t>(random_.uniform(1, fault_count - 1))] = 900;
  }
  weather_.until = loop_.now() + seconds(random_.uniform(5, 120));
}

void Provider::forget_before(net::TimePoint time) {
  std::erase_if(book_, [&](const auto& one) { return !one->is_open && one->ended < time; });
}

void Provider::calm() { is_calm_ = true; }

}  // namespace weir::sim
