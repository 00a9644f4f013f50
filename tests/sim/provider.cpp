// SPDX-License-Identifier: Apache-2.0
#include "sim/provider.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <iterator>
#include <optional>
#include <utility>

#include "json/document.hpp"
#include "tokens/counter.hpp"

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

std::string content_of(json::Value message) {
  const auto content = message.find("content");
  if (!content) return {};
  if (content->is_string()) return content->as_string();
  std::string text;
  for (const json::Value part : content->elements()) {
    if (const auto words = part.find("text")) words->append_string_to(text);
  }
  return text;
}

/// What a request asks for, read out of its last user message: `R.N`, words from 0 to N.
struct Order {
  std::uint64_t request = 0;
  std::uint32_t words = 0;
  std::string already;  ///< stands in an unfinished turn of the assistant
  bool is_stream = false;
};

std::optional<Order> read_order(std::string_view body) {
  json::Document document;
  if (!document.parse(body)) return std::nullopt;
  Order order;
  const json::Value root = document.root();
  const auto messages = root.find("messages");
  if (!messages) return std::nullopt;
  std::string text;
  for (const json::Value message : messages->elements()) {
    const auto role = message.find("role");
    if (!role) continue;
    order.already.clear();
    (role->equals("user") ? text : order.already) = content_of(message);
  }
  const std::size_t dot = text.find('.');
  if (dot == std::string::npos) return std::nullopt;
  const char* const end = text.data() + text.size();
  std::from_chars(text.data(), text.data() + dot, order.request);
  std::from_chars(text.data() + dot + 1, end, order.words);
  const auto stream = root.find("stream");
  order.is_stream = stream && stream->is_boolean() && stream->as_bool();
  return order;
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

namespace {

/// What a provider says that it took. More than the gateway's estimate of any word, so that what is
/// set aside for an answer always covers it.
constexpr std::int64_t tokens_per_word = 8;

/// What is left to be said, word by word.
std::vector<std::string> pieces_of(const Order& order) {
  std::string words = words_of(order.request, 0, order.words);
  if (words.starts_with(order.already)) words.erase(0, order.already.size());
  std::vector<std::string> pieces;
  for (std::size_t end = 0; !words.empty(); words.erase(0, end)) {
    end = words.find(' ') + 1;
    pieces.push_back(words.substr(0, end));
  }
  return pieces;
}

}  // namespace

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
    const auto order = read_order(body);
    if (!order) return;
    if (service_ && provider_.closes_idle_connection()) return let_go(*order);
    serve(*order);
  }

  /// T-25: the connection was closed while the request was on its way. Until the gateway learns of
  /// that, it has to take the request for served.
  void let_go(const Order& order) {
    is_gone_ = true;
    auto unserved = std::make_shared<Service>();
    unserved->is_open = false;
    provider_.book_[order.request].push_back(unserved);
    wire_->reset([unserved] { unserved->is_free = true; });
  }

  void serve(const Order& order) {
    order_ = order;
    pieces_ = pieces_of(order);
    used_.input = provider_.count_input_(order.request);
    used_.output = static_cast<std::int64_t>(pieces_.size()) * tokens_per_word;
    service_ = std::make_shared<Service>();
    provider_.book_[order.request].push_back(service_);
    do {
      fault_ = provider_.draw_fault(false);
    } while (order.is_stream ? is_of_whole(fault_) : is_of_stream(fault_));
    provider_.trace_.add(provider_.loop_.now(), provider_.name_, sim::name(fault_), order.request);
    const auto wait = milliseconds(provider_.random_.uniform(50, 900));
    auto late = milliseconds(0);
    if (fault_ == Fault::late_start) late = seconds(provider_.random_.uniform(5, 200));
    // Sooner it would pass for the end of an idle connection, and nobody would be billed (T-25).
    if (fault_ == Fault::close_before_answer) late = milliseconds(100);
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
    wire_->send(whole_answer(status, "application/json", error_body(status), fields), freeing());
    close_service();
  }

  void answer_whole() {
    std::string words;
    for (const std::string& piece : pieces_) words.append(piece);
    const std::string body = provider_.speech_.whole(words, used_);
    const std::string_view half = std::string_view(body).substr(0, body.size() / 2);
    const std::string length = "content-length: " + std::to_string(body.size());
    if (fault_ == Fault::broken_json) return say(whole_answer("200 OK", "application/json", half));
    if (fault_ == Fault::cut_body) {
      wire_->send(head("200 OK", "application/json", length).append(half));
      return drop(false);
    }
    wire_->send(whole_answer("200 OK", "application/json", body), telling(used_));
    if (fault_ == Fault::lying_length) wire_->send("and more");
    close_service();
  }

  void begin_stream() {
    const Speech& speech = provider_.speech_;
    wire_->send(head("200 OK", speech.stream_media_type(), "transfer-encoding: chunked"));
    const std::string begin = speech.begin(used_);
    if (!begin.empty()) wire_->send(chunk(begin), telling(speech.told_at_start(used_)));
    next_ = 0;
    fault_at_ = static_cast<std::size_t>(
        provider_.random_.uniform(0, pieces_.empty() ? 0 : std::ssize(pieces_) - 1));
    send_next();
  }

  void send_next() {
    if (is_of_stream(fault_) && next_ == fault_at_ && play_stream_fault()) return;
    if (next_ < pieces_.size()) {
      const std::string& words = pieces_[next_++];
      wire_->send(chunk(provider_.speech_.piece(words)),
                  [service = service_, words] { take(*service, words); });
      const auto pace = milliseconds(provider_.random_.uniform(1, 60));
      return later(pace, [](Connection& self) { self.send_next(); });
    }
    if (fault_ != Fault::no_terminator) {
      wire_->send(chunk(provider_.speech_.end(used_)), telling(used_));
      if (fault_ == Fault::double_terminator) wire_->send(chunk(provider_.speech_.end_again()));
    }
    say("0\r\n\r\n");
  }

  /// The space that an unfinished turn was sent without is nobody's.
  static void take(Service& service, std::string_view words) {
    if (service.text_taken.empty() && words.starts_with(' ')) words.remove_prefix(1);
    service.text_taken.append(words);
  }

  /// Nothing is billed once the gateway has read that it was refused.
  [[nodiscard]] std::function<void()> freeing() const {
    return [service = service_] { service->is_free = true; };
  }

  /// Bills by `tokens` once the gateway has read them.
  [[nodiscard]] std::function<void()> telling(std::optional<Tokens> tokens) const {
    if (!tokens) return {};
    return [service = service_, tokens] { service->told = *tokens; };
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
        wire_->send(chunk(provider_.speech_.broken_piece()));
        next_ += 1;
        fault_ = Fault::none;
        return false;
      case Fault::error_event:
        wire_->send(chunk(provider_.speech_.stream_error()),
                    next_ == 0 ? freeing() : std::function<void()>());
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
  std::vector<std::string> pieces_;  ///< of the answer, as far as it is not there already
  Tokens used_;
  std::shared_ptr<Service> service_;
  Fault fault_ = Fault::none;
  std::size_t next_ = 0;
  std::size_t fault_at_ = 0;
  bool is_gone_ = false;
};

Provider::Provider(VirtualLoop& loop, Random& random, Trace& trace, Tariff tariff,
                   std::function<std::int64_t(std::uint64_t)> count_input)
    : loop_(loop),
      random_(random),
      trace_(trace),
      tariff_(tariff),
      name_(tariff.name),
      speech_(speech_of(tariff.dialect)),
      count_input_(std::move(count_input)) {}

std::int64_t Provider::bill(std::uint64_t request) const {
  const auto services = book_.find(request);
  if (services == book_.end()) return 0;
  const auto& counter = tokens::counter_for(tariff_.type, tariff_.model);
  std::int64_t nanousd = 0;
  for (const auto& service : services->second) {
    Tokens tokens = service->told.value_or(Tokens{});
    if (!service->told && service->is_free) continue;
    if (!service->told) tokens.input = count_input_(request);
    if (!service->text_taken.empty()) {
      tokens.output = std::max(tokens.output, counter.estimate(service->text_taken));
    }
    nanousd += tokens.input * tariff_.input_nanousd + tokens.output * tariff_.output_nanousd;
  }
  return nanousd;
}

bool Provider::is_serving(std::uint64_t request) const {
  const auto services = book_.find(request);
  return services != book_.end() &&
         std::any_of(services->second.begin(), services->second.end(),
                     [](const auto& service) { return service->is_open; });
}

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

bool Provider::closes_idle_connection() { return !is_calm_ && random_.uniform(0, 49) == 0; }

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

void Provider::calm() { is_calm_ = true; }

}  // namespace weir::sim
