// SPDX-License-Identifier: Apache-2.0
//
// Load generator: keeps a number of connections busy with one request each until a number of
// answers has come, then prints one line of JSON.
//
//   load <port> <path> <body file> <connections> <requests> [rate]
//
// With a rate, so many requests are sent each second, however fast answers come, on as many
// connections as that needs, at most those given. One that finds none free is sent as soon as there
// is one; `offered` is the rate that came of it.
//
// Latency is from the first byte sent to the last received. `gap` is the time between two pieces of
// a streamed answer, where a stall of the transport shows; `delay` is how long an event was on its
// way, where it tells when it was sent.

#include "socket.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>
#include <span>
#include <utility>
#include <vector>

namespace weir::bench {
namespace {

/// Finds the end of an answer, by its length or its chunks.
class AnswerReader {
 public:
  enum class State { head, length, chunk_size, chunk_data, done, broken };

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] int status() const { return status_; }
  /// Told after this answer the connection is no more.
  [[nodiscard]] bool is_last() const { return is_last_; }

  void feed(std::string_view bytes) {
    while (!bytes.empty() && state_ != State::done && state_ != State::broken) {
      switch (state_) {
        case State::head:
        case State::chunk_size:
          take_line_byte(bytes.front());
          bytes.remove_prefix(1);
          break;
        default:
          const std::size_t size = std::min(left_, bytes.size());
          bytes.remove_prefix(size);
          left_ -= size;
          if (left_ == 0) state_ = state_ == State::length ? State::done : State::chunk_size;
      }
    }
  }

 private:
  void take_line_byte(char byte) {
    line_.push_back(byte);
    if (state_ == State::head && line_.ends_with("\r\n\r\n")) {
      read_head();
      line_.clear();
    } else if (state_ == State::chunk_size && line_.ends_with("\r\n")) {
      read_chunk_size();
    }
  }

  void read_head() {
    const std::string_view head = line_;
    if (head.size() > 12) std::from_chars(head.data() + 9, head.data() + 12, status_);
    is_last_ = field(head, "\r\nConnection:", "\r\nconnection:") == "close";
    if (const std::string_view length = content_length(head); !length.empty()) {
      std::from_chars(length.data(), length.data() + length.size(), left_);
      state_ = left_ == 0 ? State::done : State::length;
    } else if (field(head, "\r\nTransfer-Encoding:", "\r\ntransfer-encoding:") == "chunked") {
      state_ = State::chunk_size;
    } else {
      state_ = State::broken;
    }
  }

  /// Also the empty line after a chunk's data and the one after the last chunk.
  void read_chunk_size() {
    const std::string line = std::exchange(line_, {});
    if (line == "\r\n") {
      if (is_last_chunk_) state_ = State::done;
      return;
    }
    if (std::from_chars(line.data(), line.data() + line.size(), left_, 16).ec != std::errc{}) {
      state_ = State::broken;
    } else if (left_ == 0) {
      is_last_chunk_ = true;
    } else {
      state_ = State::chunk_data;
    }
  }

  State state_ = State::head;
  int status_ = 0;
  std::string line_;
  std::size_t left_ = 0;
  bool is_last_chunk_ = false;
  bool is_last_ = false;
};

/// Durations, to be asked for percentiles once.
class Samples {
 public:
  void add(Clock::duration value) {
    micros_.push_back(std::chrono::duration<double, std::micro>(value).count());
  }

  void print(const char* name) {
    std::sort(micros_.begin(), micros_.end());
    std::printf(",\"%s_p50_us\":%.1f,\"%s_p99_us\":%.1f,\"%s_max_us\":%.1f", name, at(0.50), name,
                at(0.99), name, at(1.0));
  }

 private:
  [[nodiscard]] double at(double share) const {
    if (micros_.empty()) return 0;
    return micros_[static_cast<std::size_t>(share * static_cast<double>(micros_.size() - 1))];
  }

  std::vector<double> micros_;
};

class Load {
 public:
  /// `rate` 0: each connection's next request follows its answer.
  Load(std::uint16_t port, std::string request, int connections, std::int64_t requests, int rate)
      : port_(port),
        request_(std::move(request)),
        requests_(requests),
        rate_(rate),
        epoll_(epoll_create1(0)) {
    connections_.resize(static_cast<std::size_t>(connections));
  }

  void run() {
    begin_ = Clock::now();
    rate_ > 0 ? keep_rate() : keep_busy();
    seconds_ = seconds_since_begin();
  }

  void print() {
    std::printf("{\"requests\":%lld,\"errors\":%lld,\"refused\":%lld,\"seconds\":%.3f",
                static_cast<long long>(done_), static_cast<long long>(errors_),
                static_cast<long long>(refused_), seconds_);
    std::printf(",\"offered\":%.1f", static_cast<double>(started_) / sending_seconds_);
    latency_.print("latency");
    refusal_.print("refusal");
    gap_.print("gap");
    delay_.print("delay");
    std::printf("}\n");
  }

 private:
  void keep_busy() {
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      connect_anew(i);
      start_request(i);
    }
    while (done_ < requests_) {
      if (!handle_events(30'000)) die("load: nothing came for 30 s");
    }
  }

  void keep_rate() {
    for (std::size_t i = connections_.size(); i > 0; --i) free_.push_back(i - 1);
    auto heard_at = Clock::now();
    while (done_ < requests_) {
      const double due = seconds_since_begin() * rate_;
      while (started_ < requests_ && static_cast<double>(started_) < due && !free_.empty()) {
        const std::size_t index = free_.back();
        free_.pop_back();
        if (connections_[index].socket < 0) connect_anew(index);
        start_request(index);
      }
      const auto now = Clock::now();
      if (handle_events(0)) {
        heard_at = now;
      } else {
        if (now - heard_at > std::chrono::seconds(30)) die("load: nothing came for 30 s");
        sched_yield();
      }
    }
  }

  [[nodiscard]] double seconds_since_begin() const {
    return std::chrono::duration<double>(Clock::now() - begin_).count();
  }

  bool handle_events(int wait_max_ms) {
    epoll_event events[256];
    const int count = wait_awake(epoll_, events, wait_max_ms);
    for (int i = 0; i < count; ++i) handle(events[i]);
    return count > 0;
  }

  struct Connection {
    int socket = -1;
    bool is_busy = false;
    std::size_t sent = 0;
    AnswerReader answer;
    Clock::time_point sent_at;
    Clock::time_point heard_at;  ///< of the piece before; epoch when none
  };

  void connect_anew(std::size_t index) {
    Connection& connection = connections_[index];
    connection.socket = socket(AF_INET, SOCK_STREAM, 0);
    const sockaddr_in address = loopback(port_);
    if (connect(connection.socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
        0) {
      die("connect");
    }
    disable_nagle(connection.socket);
    const int flags = fcntl(connection.socket, F_GETFL);
    fcntl(connection.socket, F_SETFL, flags | O_NONBLOCK);
    epoll_event event{.events = EPOLLIN, .data = {.u64 = index}};
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.socket, &event) != 0) die("epoll_ctl");
  }

  void wait_for(std::size_t index, std::uint32_t what) const {
    epoll_event event{.events = what, .data = {.u64 = index}};
    if (epoll_ctl(epoll_, EPOLL_CTL_MOD, connections_[index].socket, &event) != 0) die("epoll_ctl");
  }

  void start_request(std::size_t index) {
    Connection& connection = connections_[index];
    connection.is_busy = started_ < requests_;
    if (!connection.is_busy) return;
    if (++started_ == requests_) sending_seconds_ = seconds_since_begin();
    connection.answer = {};
    connection.sent = 0;
    connection.heard_at = {};
    connection.sent_at = Clock::now();
    if (!send_rest(index)) wait_for(index, EPOLLIN | EPOLLOUT);
  }

  /// True once all of the request is with the kernel.
  bool send_rest(std::size_t index) {
    Connection& connection = connections_[index];
    const std::string_view rest = std::string_view(request_).substr(connection.sent);
    const ssize_t size = send(connection.socket, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (size > 0) connection.sent += static_cast<std::size_t>(size);
    return connection.sent == request_.size();
  }

  void handle(const epoll_event& event) {
    const std::size_t index = event.data.u64;
    if ((event.events & EPOLLOUT) != 0 && send_rest(index)) wait_for(index, EPOLLIN);
    if ((event.events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) receive(index);
  }

  void receive(std::size_t index) {
    Connection& connection = connections_[index];
    char bytes[64 * 1024];
    const ssize_t size = recv(connection.socket, bytes, sizeof bytes, 0);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) return fail(index);

    const auto now = Clock::now();
    if (connection.heard_at != Clock::time_point{}) gap_.add(now - connection.heard_at);
    connection.heard_at = now;
    add_delays({bytes, static_cast<std::size_t>(size)});
    connection.answer.feed({bytes, static_cast<std::size_t>(size)});
    if (connection.answer.state() == AnswerReader::State::broken) return fail(index);
    if (connection.answer.state() != AnswerReader::State::done) return;
    note_answer(connection.answer.status(), now - connection.sent_at);
    if (connection.answer.is_last()) hang_up(index);
    go_on(index);
  }

  void note_answer(int status, Clock::duration latency) {
    ++done_;
    if (status == 200) return latency_.add(latency);
    ++errors_;
    if (status != 429 && status != 503) return;
    ++refused_;
    refusal_.add(latency);
  }

  void hang_up(std::size_t index) { close(std::exchange(connections_[index].socket, -1)); }

  /// With the next request, now or when its time has come.
  void go_on(std::size_t index) {
    connections_[index].is_busy = false;
    if (rate_ > 0) return free_.push_back(index);
    if (started_ == requests_) return;
    if (connections_[index].socket < 0) connect_anew(index);
    start_request(index);
  }

  /// A stamp that two reads share is left out.
  void add_delays(std::string_view bytes) {
    const std::int64_t now = sent_at_now();
    for (auto at = bytes.find(sent_at_member); at != std::string_view::npos;
         at = bytes.find(sent_at_member, at + 1)) {
      const std::string_view digits = bytes.substr(at + sent_at_member.size(), sent_at_digits);
      std::int64_t sent_at = 0;
      if (digits.size() < sent_at_digits) return;
      std::from_chars(digits.data(), digits.data() + digits.size(), sent_at);
      const std::int64_t micros = (now - sent_at + sent_at_period_us) % sent_at_period_us;
      delay_.add(std::chrono::microseconds(micros));
    }
  }

  void fail(std::size_t index) {
    const bool was_busy = connections_[index].is_busy;
    hang_up(index);
    if (!was_busy) return;
    ++done_;
    ++errors_;
    go_on(index);
  }

  std::uint16_t port_;
  std::string request_;
  std::int64_t requests_;
  int rate_;
  int epoll_;
  std::vector<Connection> connections_;
  std::vector<std::size_t> free_;  ///< those without a request, where there is a rate
  Clock::time_point begin_;
  double sending_seconds_ = 1;
  std::int64_t started_ = 0;
  std::int64_t done_ = 0;
  std::int64_t errors_ = 0;
  std::int64_t refused_ = 0;  ///< of the errors, those that said "too much"
  double seconds_ = 0;
  Samples latency_;  ///< of what was answered as asked
  Samples refusal_;
  Samples gap_;
  Samples delay_;
};

int run(std::span<char*> arguments) {
  if (arguments.size() != 6 && arguments.size() != 7) {
    std::fprintf(stderr, "usage: load <port> <path> <body file> <connections> <requests> [rate]\n");
    return 64;
  }
  std::ifstream file(arguments[3], std::ios::binary);
  if (!file) die(arguments[3]);
  const std::string body{std::istreambuf_iterator<char>(file), {}};
  std::string request = "POST " + std::string(arguments[2]) +
                        " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                        "Authorization: Bearer sk-bench\r\nContent-Length: " +
                        std::to_string(body.size()) + "\r\n\r\n" + body;
  raise_descriptor_limit();
  Load load(static_cast<std::uint16_t>(to_int(arguments[1])), std::move(request),
            to_int(arguments[4]), to_int(arguments[5]),
            arguments.size() == 7 ? to_int(arguments[6]) : 0);
  load.run();
  load.print();
  return 0;
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) { return weir::bench::run({argv, static_cast<std::size_t>(argc)}); }
