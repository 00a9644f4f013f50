// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "pipeline/relay.hpp"
#include "pipeline/route.hpp"

/// Going on with a stream that broke after its first content (S-9.11, S-9.12).
namespace weir::pipeline {

enum class JoinMethod : std::uint8_t {
  prefill,  ///< the model goes on from the text so far, given to it as its own unfinished turn
  replay,   ///< the request is asked anew, and what the client has is swallowed while it is equal
};
std::string_view name(JoinMethod method) noexcept;

/// A broken stream that an attempt goes on with.
struct Continuation {
  JoinMethod method = JoinMethod::replay;
  Relay* before = nullptr;    ///< of the stream that broke
  StreamSoFar begun;          ///< what the client has of the answer
  wire::Usage usage_before;   ///< of all attempts that brought it
  int number = 0;             ///< of this attempt, for the mark at the seam
  bool is_marked = true;      ///< the client's format has comments
  net::TimePoint stream_end;  ///< T-17's
};

/// Reads the answer of `target` and writes it into the client's stream behind what
/// `continuation.before` wrote there: same id, same model, no second start, one usage over all
/// attempts. `facts().has_diverged` says that a replayed answer was another one; the client has
/// seen nothing of it then. The continuation outlives the relay.
std::unique_ptr<Relay> make_joining_relay(const Continuation& continuation, const Target& target);

/// Remembers what a passed-through stream told, at the cost of a copy: its text as such, and other
/// frames as they are, to be read when there are many of them, or when the stream breaks.
class StreamMemory final : private wire::EventSink {
 public:
  /// `options` holds what the client would see of a stream without an id of its own; its views
  /// outlive this.
  StreamMemory(wire::Dialect dialect, wire::Quirks quirks, const wire::StreamOptions& options);
  ~StreamMemory() override;

  void keep(std::string_view frame);
  /// Instead of the frame, where that brought a piece of plain text and nothing else but counts.
  void keep_text(json::Value piece, const std::optional<wire::Usage>& usage);
  [[nodiscard]] const StreamSoFar& so_far();
  void join(const wire::StreamEvent& event, std::string& out);
  void join_unseen(std::string_view thoughts);
  /// Something was joined: what ends the stream has to come from here.
  [[nodiscard]] bool is_joined() const { return is_joined_; }
  void finish(std::string& out) { encoder_->finish(out); }

 private:
  void read_frames();
  void read_text();
  void on_event(const wire::StreamEvent& event) override;

  wire::Dialect dialect_;
  wire::Quirks quirks_;
  wire::StreamOptions options_;
  std::string frames_;                ///< not yet read
  std::string text_;                  ///< not yet read, and behind `frames_`
  std::optional<wire::Usage> usage_;  ///< the newest told with that
  StreamSoFar so_far_;
  bool is_joined_ = false;
  std::unique_ptr<wire::StreamDecoder> decoder_;
  std::unique_ptr<wire::StreamEncoder> encoder_;  ///< stands where the client's stream does
  std::string scratch_;
};

/// Nothing known counts as no.
bool takes_prefill(const Target& target);

/// Adds what `event` tells to `so_far`.
void note_event(StreamSoFar& so_far, const wire::StreamEvent& event);

}  // namespace weir::pipeline
