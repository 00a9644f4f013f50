// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/recycled.hpp"
#include "guard/rules.hpp"
#include "weir/result.hpp"
#include "wire/codec.hpp"
#include "wire/sse.hpp"

namespace weir::pipeline {

/// What a relay has learnt of an answer while it passed.
struct RelayFacts {
  std::optional<wire::Usage> usage;
  wire::Finish finish = wire::Finish::none;
  bool has_content = false;                  ///< something of the answer itself has come
  bool is_complete = false;                  ///< by the dialect's own rule
  bool is_terminated = false;                ///< nothing more is awaited
  bool has_diverged = false;                 ///< a repeated answer was another one (S-9.11)
  std::uint64_t content_bytes = 0;           ///< text, reasoning and arguments that have come
  std::optional<wire::UpstreamFault> fault;  ///< the upstream said that it failed
};

/// What a broken stream has told so far, for the one that goes on with it (S-9.11).
struct StreamSoFar {
  bool is_plain = true;  ///< nothing but text of the first choice, and thoughts without a seal
  std::string text;
  std::string others;  ///< thoughts, refusals and arguments, for counting them
};

/// Turns an upstream's successful answer into what the client reads. One per attempt.
class Relay : public Recycled {
 public:
  virtual ~Relay() = default;

  /// A whole answer. Errors: `upstream_malformed`. With `facts().fault` set, `out` is of no use.
  virtual Result<> whole(std::string_view body, std::string& out) = 0;

  /// A whole answer to a request for a stream, as some servers give it: appends the client's stream
  /// but for its end. Errors: `upstream_malformed`.
  virtual Result<> whole_as_stream(std::string_view body, std::string& out) = 0;

  /// The next bytes of a stream; appends what the client gets. Errors: `upstream_malformed`.
  virtual Result<> feed(std::string_view bytes, std::string& out) = 0;
  /// The upstream's body ended.
  virtual Result<> end(std::string& out) = 0;
  /// Appends the normal end of the client's stream.
  virtual void finish(std::string& out) = 0;
  /// Appends the error that ends the client's stream; nothing where its form has no way to say one.
  virtual void fail(const Error& error, std::string_view request_id, std::string& out) = 0;

  /// What the client was told; nothing where it was not kept.
  [[nodiscard]] virtual std::optional<StreamSoFar> so_far() { return std::nullopt; }
  /// Appends `event` of another upstream to the client's stream, in which `so_far` went before.
  /// Precondition: so_far() has a value.
  virtual void join(const wire::StreamEvent& event, std::string& out) {
    static_cast<void>(event);
    static_cast<void>(out);
  }
  /// What a model thought before it went on, which the client is not told. Precondition: as above.
  virtual void join_unseen(std::string_view thoughts) { static_cast<void>(thoughts); }

  [[nodiscard]] const RelayFacts& facts() const noexcept { return facts_; }

 protected:
  RelayFacts facts_;
};

/// A form of answer that is no dialect's chat: legacy completions, or the values a program that
/// links the library gets.
class AnswerForm {
 public:
  virtual ~AnswerForm() = default;
  virtual void encode_response(const wire::ChatResponse& response, std::string& out) const = 0;
  [[nodiscard]] virtual std::unique_ptr<wire::StreamEncoder> make_stream_encoder(
      const wire::StreamOptions& options) const = 0;
};

/// How the client's answer is to look.
struct RelayOptions {
  wire::Dialect client = wire::Dialect::openai_chat;
  wire::Dialect upstream = wire::Dialect::openai_chat;
  wire::Quirks quirks = 0;
  std::size_t event_bytes_max = wire::event_bytes_max_default;  ///< of the upstream's stream
  std::string_view request_id = {};
  std::string_view model = {};  ///< the target's, where the upstream names none
  std::int64_t created = 0;     ///< Unix seconds
  bool wants_stream_usage = false;
  bool keeps_text = false;              ///< so that another upstream can go on with a broken stream
  std::int64_t choices = 1;             ///< asked for: a stream is complete when all have finished
  const AnswerForm* form = nullptr;     ///< null: the client's dialect; outlives the relay
  const guard::Rules* rules = nullptr;  ///< that the answer is held to; null: none; outlives it
  bool is_json_array = false;           ///< Gemini without `alt=sse`: a stream is one array
  /// Told the id of an answer that its target keeps, as soon as there is something of the answer.
  std::function<void(std::string_view id)> on_kept_answer{};
};

/// Answers of the client's own dialect: passed on as they are, watched on the way.
/// Precondition: the dialect's codec `passes_through()`, and there are no rules.
std::unique_ptr<Relay> make_passthrough_relay(const RelayOptions& options);
/// Answers of another dialect: decoded and encoded anew.
std::unique_ptr<Relay> make_translating_relay(const RelayOptions& options);

}  // namespace weir::pipeline
