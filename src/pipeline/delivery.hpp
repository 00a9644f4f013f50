// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "net/task.hpp"
#include "weir/error.hpp"
#include "wire/canonical.hpp"

namespace weir::pipeline {

/// Where an answer goes: an HTTP client, or a caller of the library. Each answers whether the bytes
/// were taken; false means that the client is gone.
class ClientChannel {
 public:
  virtual ~ClientChannel() = default;
  /// A whole answer. `fields`: header lines, each ended by CRLF.
  virtual net::Task<bool> respond(int status, std::string_view fields, std::string_view body) = 0;
  virtual net::Task<bool> begin(int status, std::string_view fields) = 0;
  virtual net::Task<bool> write(std::string_view bytes) = 0;
  virtual net::Task<bool> end() = 0;
};

/// The facts about an answer that its header tells.
struct AnswerNotes {
  std::string target;  ///< provider/model; empty: none, or not to be shown
  int attempts = 0;
  std::string cost;  ///< dollars; empty: not known yet
  std::vector<std::string> dropped;
  std::vector<std::string> warnings;  ///< a retired model, say
  std::string allow;                  ///< methods that the path takes, where it was another
};

/// Appends the header lines that name a request, as clients of `dialect` look for them.
void append_request_id(std::string& fields, wire::Dialect dialect, std::string_view request_id);

/// Appends the header lines and the body of an error, and answers its status. `fields` should hold
/// nothing that says what the body is.
int describe_error(const Error& error, wire::Dialect dialect, std::string_view request_id,
                   std::string& fields, std::string& body);

/// Owns status, content and end of one request's answer. No other code writes to the client, so
/// that "was anything sent yet" has one answer, and a second answer can't follow a first byte.
class Delivery {
 public:
  Delivery(ClientChannel& channel, wire::Dialect dialect, std::string_view request_id)
      : channel_(channel), dialect_(dialect), request_id_(request_id) {}

  /// Nothing of an answer was handed to the client: another target may still be tried.
  [[nodiscard]] bool may_fail_over() const noexcept { return state_ == State::open; }
  [[nodiscard]] bool is_done() const noexcept { return state_ == State::done; }
  [[nodiscard]] wire::Dialect dialect() const noexcept { return dialect_; }
  [[nodiscard]] std::string_view request_id() const noexcept { return request_id_; }

  /// Sends a whole answer. Precondition: may_fail_over().
  net::Task<bool> whole(int status, std::string_view media_type, AnswerNotes notes,
                        std::string_view body);
  /// Sends the head of a stream and its first bytes. Precondition: may_fail_over().
  net::Task<bool> commit(std::string_view media_type, AnswerNotes notes, std::string_view first,
                         int status = 200);
  /// Sends more of a stream. Precondition: committed.
  net::Task<bool> more(std::string_view bytes);
  /// Ends a stream in good order, after `last`.
  net::Task<bool> finish(std::string_view last);
  /// Answers with an error that came before anything was sent. Precondition: may_fail_over().
  net::Task<bool> refuse(const Error& error, AnswerNotes notes);

 private:
  enum class State : std::uint8_t { open, streaming, done };
  void start_fields(std::string_view media_type, const AnswerNotes& notes);

  ClientChannel& channel_;
  wire::Dialect dialect_;
  std::string_view request_id_;
  std::string fields_;
  State state_ = State::open;
};

}  // namespace weir::pipeline
