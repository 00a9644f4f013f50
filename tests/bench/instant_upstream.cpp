// SPDX-License-Identifier: Apache-2.0
//
// A model server that costs nearly nothing: canned answers, one thread, epoll. What it spends is
// not measured, but it must never be what the gateway waits for.
//
//   instant_upstream <port> [chunks=100] [pace_ms=10] [answer_ms=0]
//
// The path of a POST tells the dialect of the answer, OpenAI's where it tells nothing; any GET gets
// a model list. A body with "stream":true, or Gemini's path for streams, gets `chunks` events, one
// every `pace_ms`; any other is answered after `answer_ms`. Where such an event has a `created`, it
// tells when it was sent (socket.hpp).

#include "socket.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <deque>
#include <span>
#include <unordered_map>

namespace weir::bench {
namespace {

constexpr std::string_view models =
    R"({"object":"list","data":[{"id":"m","object":"model","created":1700000000,"owned_by":"bench"}]})";

constexpr std::string_view openai_answer =
    R"({"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"m","choices":[)"
    R"({"index":0,"message":{"role":"assistant","content":"The quick brown fox jumps over the lazy dog.",)"
    R"("refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":12,)"
    R"("completion_tokens":10,"total_tokens":22},"system_fingerprint":"fp_1"})";

constexpr std::string_view anthropic_answer =
    R"({"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text",)"
    R"("text":"The quick brown fox jumps over the lazy dog."}],"stop_reason":"end_turn",)"
    R"("stop_sequence":null,"usage":{"input_tokens":12,"output_tokens":10}})";

/// The events of one streamed answer: what comes at once, what comes `chunks` times, what ends it.
struct StreamText {
  std::string_view begin;
  std::string_view chunk;
  std::string_view end;
};

#define WEIR_OPENAI_CHUNK_AT(created, delta, finish)                                       \
  "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":" created \
  ","                                                                                      \
  "\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":" delta                             \
  ",\"logprobs\":null,\"finish_reason\":" finish "}]}\n\n"
#define WEIR_OPENAI_CHUNK(delta, finish) WEIR_OPENAI_CHUNK_AT("1700000000", delta, finish)

constexpr StreamText openai_stream{
    .begin = WEIR_OPENAI_CHUNK("{\"role\":\"assistant\",\"content\":\"\"}", "null"),
    .chunk = WEIR_OPENAI_CHUNK_AT("2000000000", "{\"content\":\" word\"}", "null"),
    .end = WEIR_OPENAI_CHUNK("{}", "\"stop\"") "data: [DONE]\n\n"};

constexpr StreamText anthropic_stream{
    .begin =
        "event: message_start\n"
        "data: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\","
        "\"role\":\"assistant\",\"model\":\"m\",\"content\":[],\"stop_reason\":null,"
        "\"stop_sequence\":null,\"usage\":{\"input_tokens\":12,\"output_tokens\":1}}}\n\n"
        "event: content_block_start\n"
        "data: {\"type\":\"content_block_start\",\"index\":0,"
        "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
    .chunk =
        "event: content_block_delta\n"
        "data: {\"type\":\"content_block_delta\",\"index\":0,"
        "\"delta\":{\"type\":\"text_delta\",\"text\":\" word\"}}\n\n",
    .end =
        "event: content_block_stop\n"
        "data: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
        "event: message_delta\n"
        "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\","
        "\"stop_sequence\":null},\"usage\":{\"output_tokens\":100}}\n\n"
        "event: message_stop\n"
        "data: {\"type\":\"message_stop\"}\n\n"};

constexpr std::string_view responses_answer =
    R"({"id":"resp_1","object":"response","created_at":1700000000,"status":"completed","error":null,)"
    R"("incomplete_details":null,"model":"m","output":[{"type":"message","id":"msg_1",)"
    R"("status":"completed","role":"assistant","content":[{"type":"output_text",)"
    R"("text":"The quick brown fox jumps over the lazy dog.","annotations":[]}]}],"usage":{)"
    R"("input_tokens":12,"input_tokens_details":{"cached_tokens":0},"output_tokens":10,)"
    R"("output_tokens_details":{"reasoning_tokens":0},"total_tokens":22}})";

#define WEIR_RESPONSES_EVENT(type, members) \
  "event: " type "\ndata: {\"type\":\"" type "\"," members "}\n\n"
#define WEIR_RESPONSE(status, output, usage)                                                      \
  "\"response\":{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":1700000000,\"status\":" \
  "\"" status "\",\"error\":null,\"model\":\"m\",\"output\":[" output "],\"usage\":" usage "}"
#define WEIR_RESPONSES_AT "\"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0,"

constexpr StreamText responses_stream{
    .begin = WEIR_RESPONSES_EVENT("response.created",
                                  "\"sequence_number\":0," WEIR_RESPONSE("in_progress", "", "null"))
        WEIR_RESPONSES_EVENT("response.output_item.added",
                             "\"sequence_number\":1,\"output_index\":0,\"item\":{\"type\":"
                             "\"message\",\"id\":\"msg_1\","
                             "\"status\":\"in_progress\",\"role\":\"assistant\",\"content\":[]}")
            WEIR_RESPONSES_EVENT(
                "response.content_part.added",
                "\"sequence_number\":2," WEIR_RESPONSES_AT
                "\"part\":{\"type\":\"output_text\",\"text\":\"\",\"annotations\":[]}"),
    .chunk = WEIR_RESPONSES_EVENT("response.output_text.delta",
                                  "\"sequence_number\":3," WEIR_RESPONSES_AT
                                  "\"delta\":\" word\",\"logprobs\":[]"),
    .end = WEIR_RESPONSES_EVENT("response.output_text.done",
                                "\"sequence_number\":4," WEIR_RESPONSES_AT
                                "\"text\":\" word\",\"logprobs\":[]")
        WEIR_RESPONSES_EVENT(
            "response.completed",
            "\"sequence_number\":5," WEIR_RESPONSE(
                "completed",
                "{\"type\":\"message\",\"id\":\"msg_1\",\"status\":\"completed\",\"role\":"
                "\"assistant\","
                "\"content\":[{\"type\":\"output_text\",\"text\":\" word\",\"annotations\":[]}]}",
                "{\"input_tokens\":12,\"output_tokens\":100,\"total_tokens\":112}"))};

constexpr std::string_view gemini_answer =
    R"({"candidates":[{"content":{"role":"model","parts":[{"text":)"
    R"("The quick brown fox jumps over the lazy dog."}]},"finishReason":"STOP","index":0}],)"
    R"("usageMetadata":{"promptTokenCount":12,"candidatesTokenCount":10,"totalTokenCount":22},)"
    R"("modelVersion":"m","responseId":"r1"})";

constexpr StreamText gemini_stream{
    .begin = ": begun\n\n",
    .chunk =
        "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\" word\"}]},"
        "\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":12,\"totalTokenCount\":12},"
        "\"modelVersion\":\"m\",\"responseId\":\"r1\"}\n\n",
    .end =
        "data: {\"candidates\":[{\"finishReason\":\"STOP\",\"index\":0}],\"usageMetadata\":{"
        "\"promptTokenCount\":12,\"candidatesTokenCount\":100,\"totalTokenCount\":112},"
        "\"modelVersion\":\"m\",\"responseId\":\"r1\"}\n\n"};

constexpr std::string_view ollama_answer =
    R"({"model":"m","created_at":"2026-01-01T00:00:00Z","message":{"role":"assistant","content":)"
    R"("The quick brown fox jumps over the lazy dog."},"done":true,"done_reason":"stop",)"
    R"("total_duration":900000000,"prompt_eval_count":12,"eval_count":10})";

constexpr StreamText ollama_stream{
    .begin = "\n",
    .chunk =
        "{\"model\":\"m\",\"created_at\":\"2026-01-01T00:00:00Z\",\"message\":{"
        "\"role\":\"assistant\",\"content\":\" word\"},\"done\":false}\n",
    .end =
        "{\"model\":\"m\",\"created_at\":\"2026-01-01T00:00:00Z\",\"message\":{"
        "\"role\":\"assistant\",\"content\":\"\"},\"done\":true,\"done_reason\":\"stop\","
        "\"total_duration\":900000000,\"prompt_eval_count\":12,\"eval_count\":100}\n"};

std::string whole_answer(std::string_view body) {
  return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

std::string chunked(std::string_view data) {
  char size[16];
  const int length = std::snprintf(size, sizeof size, "%zx\r\n", data.size());
  return std::string(size, static_cast<std::size_t>(length)).append(data).append("\r\n");
}

/// A shape's answers as bytes of HTTP, made once.
struct Answers {
  std::string whole;
  std::string stream_begin;
  std::string stream_chunk;
  std::string stream_end;
  std::size_t sent_at;  ///< where `stream_chunk` tells when it was sent; npos when it does not

  Answers(std::string_view body, const StreamText& stream,
          std::string_view media_type = "text/event-stream")
      : whole(whole_answer(body)),
        stream_begin("HTTP/1.1 200 OK\r\nContent-Type: " + std::string(media_type) +
                     "\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(stream.begin)),
        stream_chunk(chunked(stream.chunk)),
        stream_end(chunked(stream.end) + "0\r\n\r\n"),
        sent_at(stream_chunk.find(sent_at_member)) {
    if (sent_at != std::string::npos) sent_at += sent_at_member.size();
  }

  /// The chunk as it is sent now.
  [[nodiscard]] std::string chunk_now() const {
    std::string chunk = stream_chunk;
    if (sent_at == std::string::npos) return chunk;
    const std::string micros = std::to_string(sent_at_now());
    const std::size_t skipped = sent_at_digits - micros.size();
    return chunk.replace(sent_at + skipped, micros.size(), micros);
  }
};

class Upstream {
 public:
  Upstream(std::uint16_t port, int chunks, std::chrono::milliseconds pace,
           std::chrono::milliseconds answer_time)
      : chunks_(chunks),
        pace_(pace),
        answer_time_(answer_time),
        epoll_(epoll_create1(0)),
        listener_(listen_on(port)) {
    watch(listener_);
  }

  [[noreturn]] void run() {
    for (;;) {
      epoll_event events[256];
      const int count = wait_awake(epoll_, events, wait_ms());
      for (int i = 0; i < count; ++i) {
        const int socket = events[i].data.fd;
        socket == listener_ ? accept_all() : read_from(socket);
      }
      send_due_chunks();
      send_due_answers();
    }
  }

 private:
  struct Connection {
    std::uint64_t serial = 0;  ///< tells a descriptor's users apart
    std::string input;
  };
  struct Due {
    Clock::time_point at;
    int socket;
    std::uint64_t serial;
    const Answers* answers;
    int chunks_left;
  };

  static int listen_on(std::uint16_t port) {
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    const int on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const sockaddr_in address = loopback(port);
    if (bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      die("bind");
    if (listen(listener, 4096) != 0) die("listen");
    return listener;
  }

  void watch(int socket) const {
    epoll_event event{.events = EPOLLIN, .data = {.fd = socket}};
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &event) != 0) die("epoll_ctl");
  }

  void accept_all() {
    for (;;) {
      const int socket = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
      if (socket < 0) return;
      disable_nagle(socket);
      connections_[socket] = {.serial = ++serial_, .input = {}};
      watch(socket);
    }
  }

  void read_from(int socket) {
    char bytes[64 * 1024];
    const ssize_t size = recv(socket, bytes, sizeof bytes, 0);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) return drop(socket);
    std::string& input = connections_[socket].input;
    input.append(bytes, static_cast<std::size_t>(size));
    const auto head_end = input.find("\r\n\r\n");
    if (head_end == std::string::npos) return;

    const std::string_view head = std::string_view(input).substr(0, head_end + 2);
    std::size_t body_bytes = 0;
    const std::string_view length = content_length(head);
    std::from_chars(length.data(), length.data() + length.size(), body_bytes);
    if (input.size() < head_end + 4 + body_bytes) return;
    answer(socket, head, std::string_view(input).substr(head_end + 4, body_bytes));
    if (const auto found = connections_.find(socket); found != connections_.end()) {
      found->second.input.clear();
    }
  }

  void answer(int socket, std::string_view head, std::string_view body) {
    const std::string_view target = head.substr(0, head.find("\r\n"));
    if (target.starts_with("GET")) return write(socket, models_);
    const Answers& answers = answers_at(target);
    const bool streams = body.find("\"stream\":true") != std::string_view::npos ||
                         body.find("\"stream\": true") != std::string_view::npos ||
                         target.find(":streamGenerateContent") != std::string_view::npos;
    if (!streams) return answer_whole(socket, answers);
    write(socket, answers.stream_begin);
    due_.push_back({Clock::now() + pace_, socket, connections_[socket].serial, &answers, chunks_});
  }

  void answer_whole(int socket, const Answers& answers) {
    if (answer_time_ == answer_time_.zero()) return write(socket, answers.whole);
    due_answers_.push_back(
        {Clock::now() + answer_time_, socket, connections_[socket].serial, &answers, 0});
  }

  [[nodiscard]] const Answers& answers_at(std::string_view target) const {
    const auto has = [target](std::string_view part) {
      return target.find(part) != std::string_view::npos;
    };
    if (has("/messages")) return anthropic_;
    if (has("/responses")) return responses_;
    if (has("enerateContent")) return gemini_;
    if (has("/api/chat")) return ollama_;
    return openai_;
  }

  /// Answers are far smaller than a socket's buffer; one that does not fit belongs to a reader that
  /// has stopped, and is dropped.
  void write(int socket, std::string_view bytes) {
    const ssize_t sent = send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent != static_cast<ssize_t>(bytes.size())) drop(socket);
  }

  void drop(int socket) {
    close(socket);
    connections_.erase(socket);
  }

  [[nodiscard]] int wait_ms() const {
    auto next = Clock::time_point::max();
    for (const std::deque<Due>* queue : {&due_, &due_answers_}) {
      if (!queue->empty()) next = std::min(next, queue->front().at);
    }
    if (next == Clock::time_point::max()) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now());
    return left.count() > 0 ? static_cast<int>(left.count()) : 0;
  }

  /// The pace is the same for all, so the queue is in order of time without being sorted.
  void send_due_chunks() {
    const auto now = Clock::now();
    while (!due_.empty() && due_.front().at <= now) {
      Due due = due_.front();
      due_.pop_front();
      const auto found = connections_.find(due.socket);
      if (found == connections_.end() || found->second.serial != due.serial) continue;
      if (due.chunks_left == 0) {
        write(due.socket, due.answers->stream_end);
        continue;
      }
      write(due.socket, due.answers->chunk_now());
      --due.chunks_left;
      due.at += pace_;
      due_.push_back(due);
    }
  }

  void send_due_answers() {
    const auto now = Clock::now();
    while (!due_answers_.empty() && due_answers_.front().at <= now) {
      const Due due = due_answers_.front();
      due_answers_.pop_front();
      const auto found = connections_.find(due.socket);
      if (found == connections_.end() || found->second.serial != due.serial) continue;
      write(due.socket, due.answers->whole);
    }
  }

  int chunks_;
  std::chrono::milliseconds pace_;
  std::chrono::milliseconds answer_time_;
  int epoll_;
  int listener_;
  std::uint64_t serial_ = 0;
  std::unordered_map<int, Connection> connections_;
  std::deque<Due> due_;
  std::deque<Due> due_answers_;
  const std::string models_ = whole_answer(models);
  const Answers openai_{openai_answer, openai_stream};
  const Answers anthropic_{anthropic_answer, anthropic_stream};
  const Answers responses_{responses_answer, responses_stream};
  const Answers gemini_{gemini_answer, gemini_stream};
  const Answers ollama_{ollama_answer, ollama_stream, "application/x-ndjson"};
};

int run(std::span<char*> arguments) {
  if (arguments.size() < 2) {
    std::fprintf(stderr,
                 "usage: instant_upstream <port> [chunks=100] [pace_ms=10] [answer_ms=0]\n");
    return 64;
  }
  raise_descriptor_limit();
  const int chunks = arguments.size() > 2 ? to_int(arguments[2]) : 100;
  const int pace_ms = arguments.size() > 3 ? to_int(arguments[3]) : 10;
  const int answer_ms = arguments.size() > 4 ? to_int(arguments[4]) : 0;
  Upstream upstream(static_cast<std::uint16_t>(to_int(arguments[1])), chunks,
                    std::chrono::milliseconds(pace_ms), std::chrono::milliseconds(answer_ms));
  upstream.run();
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) { return weir::bench::run({argv, static_cast<std::size_t>(argc)}); }
