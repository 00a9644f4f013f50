// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/recycled.hpp"
#include "base/shared_text.hpp"
#include "net/loop.hpp"
#include "net/task.hpp"
#include "pipeline/caller.hpp"
#include "pipeline/relay.hpp"
#include "pipeline/route.hpp"
#include "pipeline/seals.hpp"
#include "policy/failure.hpp"
#include "weir/result.hpp"

namespace weir::pipeline {

/// What a client may ask for beside the request itself, by header or library option.
struct CallOptions {
  std::vector<std::string> prefer = {};  ///< providers to be tried first, in this order
  bool no_failover = false;
  bool no_retry = false;
  bool explain = false;                       ///< say in the answer how its target was chosen
  std::optional<bool> stream_recovery = {};   ///< over the route's own setting
  std::optional<milliseconds> timeout = {};   ///< shortens T-15
  std::optional<milliseconds> max_wait = {};  ///< over the route's
  std::optional<Priority> priority = {};      ///< over the caller's own
  std::string task = {};                      ///< what the call is for, in the client's words
  std::vector<std::string> tags = {};         ///< under which its usage is shown
};

/// Neither the client nor the route forbids that another target is asked (F-6).
inline bool allows_failover(const CallOptions& options, const Route& route) {
  return route.retries.is_enabled && !options.no_retry && route.failover && !options.no_failover;
}

/// A request made ready for one target.
struct Outgoing {
  std::string_view path;  ///< of the target; empty: it has no such operation
  std::string body;
  std::vector<std::string> dropped;  ///< hints this target can't take
  std::string_view method = "POST";
  std::string content_type = "application/json";  ///< empty: there is no body
  std::unique_ptr<net::BodySource> source;  ///< in the place of `body`, where that is not in memory
  /// Header lines of the client's that go to a target of its own dialect, each ended by CRLF. One
  /// replaces the provider's own of that name, unless it is a list (`...-beta`).
  std::string_view fields;
};

/// What of a request asks for something that a target may lack.
enum class Wish : std::uint8_t {
  model,  ///< nothing but the model itself
  length,
  output_limit,
  streaming,
  tools,
  images,
  audio,
  json_schema,
  choices,
  logprobs,
  several_prompts,
  background,
};

/// Why a target can't take a request.
struct Lack {
  std::string reason;  ///< for people: the name of what it lacks
  Wish wish = Wish::model;
};

/// What is asked of the providers: a chat, a legacy completion, embeddings. Knows how to say it to
/// each target and how to read the answer; the attempt loop knows neither.
class Operation : public Recycled {
 public:
  virtual ~Operation() = default;

  /// Nothing when the target can take the request; otherwise what it lacks.
  [[nodiscard]] virtual std::optional<Lack> lacks(const Target& target) const = 0;
  /// True when a capability the request needs is not known of the target: it is tried last.
  [[nodiscard]] virtual bool is_uncertain(const Target& target) const = 0;
  /// The target that really serves: some models take tools only through another API.
  [[nodiscard]] virtual const Target& variant_of(const Target& target) const { return target; }
  /// Errors: `unsupported_capability` (this target can't say it), `invalid_request` (no target
  /// can).
  virtual Result<Outgoing> prepare(const Target& target) = 0;
  /// The request with an unfinished answer behind it, for a model that goes on from there. Errors:
  /// those of `prepare`.
  virtual Result<Outgoing> prepare_prefilled(const Target& target, const StreamSoFar& begun) {
    static_cast<void>(begun);
    return Error(ErrorCode::unsupported_capability, target.name + ": takes no begun answer here");
  }
  [[nodiscard]] virtual std::unique_ptr<Relay> make_relay(const Target& target) const = 0;

  [[nodiscard]] virtual bool is_stream() const = 0;
  /// An answer of this media type is passed on as it comes, byte for byte and without limit: sound,
  /// subtitles. `media_type` has no parameters and may be empty.
  [[nodiscard]] virtual bool passes_bytes(std::string_view /*media_type*/) const { return false; }
  /// An answer without a byte is one, too.
  [[nodiscard]] virtual bool may_answer_nothing() const { return false; }
  /// Media type of the client's answer.
  [[nodiscard]] virtual std::string_view media_type() const = 0;
  /// Output tokens asked for; 0 = not said.
  [[nodiscard]] virtual std::int64_t output_tokens_wanted() const = 0;
  /// A limit can be put on the answer of a request that names none.
  [[nodiscard]] virtual bool may_limit_output() const { return false; }
  /// What is prepared from now on asks for no more output tokens than this; 0 = any. Precondition:
  /// may_limit_output().
  virtual void limit_output(std::int64_t tokens) { static_cast<void>(tokens); }
  /// Our estimate of the input, in tokens.
  [[nodiscard]] virtual std::int64_t input_tokens_estimate() const = 0;
  /// Of how many context windows its output is the sum; 0: not known.
  [[nodiscard]] virtual std::int64_t windows() const { return 0; }
  /// Equal for requests that begin alike, so that they can be sent where that beginning is cached.
  [[nodiscard]] virtual std::uint64_t prefix_hash() const = 0;
  /// What was asked for can be joined from the answers of several targets: a stream of plain text,
  /// of one choice (S-9.11).
  [[nodiscard]] virtual bool is_joinable() const { return false; }
  /// Its answers are to be held to `rules`, which outlive it. Called before anything else, and
  /// only where there are rules for answers.
  virtual void hold_answers_to(const guard::Rules& rules) { static_cast<void>(rules); }
  /// Two attempts at it may be under way at once.
  [[nodiscard]] virtual bool may_hedge() const { return true; }
  /// It refers to something that only one provider has (F-8).
  [[nodiscard]] virtual bool is_pinned() const { return false; }
  /// It is no answer of the model: who has no such thing may well have the model.
  [[nodiscard]] virtual bool is_beside_model() const { return false; }
  /// What becomes of the sealed thoughts that it carries: those who can read them come first, and
  /// others get it without (F-8).
  [[nodiscard]] virtual SealFate seal_fate(const Target& target) const {
    static_cast<void>(target);
    return SealFate::read;
  }
  /// What is prepared from now on has no seals any more. False: it had none before.
  virtual bool drop_seals() { return false; }
  /// Set where it is no chat but stands at a path of its own, which `target` may turn out to lack.
  [[nodiscard]] virtual std::optional<OwnPath> own_path(const Target& target) const {
    static_cast<void>(target);
    return std::nullopt;
  }
  /// The member of the client's request, as a path in the client's words, that holds the wish;
  /// empty: there is none.
  [[nodiscard]] virtual std::string field_asking_for(Wish wish) const {
    static_cast<void>(wish);
    return {};
  }
};

/// One request on its way. Lives as long as its task.
struct Call {
  net::Loop& loop;
  net::Cancellation& cancellation;
  std::string request_id;
  std::shared_ptr<const Route> route;
  CallOptions options;
  std::shared_ptr<const Caller> caller = {};  ///< null: the program's own calls
  std::string_view endpoint = {};  ///< what is asked for: chat, embeddings, ...; outlives the call
  std::string model = {};          ///< the name that was asked for
  int hops = 0;                    ///< gateways passed before this one
  bool shows_target = true;
  bool keeps_explanation = false;  ///< in its result, for the log
  std::string warning = {};        ///< said in the header of the answer; empty: nothing
  /// Set before `cancellation` is told where the call is ended from here: its client is still there
  /// and gets this.
  std::shared_ptr<const Error> cut_short = {};
  const Target* asked = nullptr;         ///< by the attempt that began last; lives with the route
  bool is_stream = false;                ///< what is asked for; the attempt loop's
  bool is_replay = false;                ///< answered as an earlier one was; the attempt loop's
  std::int64_t started_ms = 0;           ///< Unix time; the attempt loop's
  std::vector<SharedText> windows = {};  ///< ids of its client's windows as of admission (S-11.5)
  std::optional<std::uint64_t> journal_ticket = {};  ///< the journal's, from `open` to `close`
  std::uint64_t admission = 0;   ///< the accounting's own; 0 = nothing is set aside
  std::uint64_t line_place = 0;  ///< the same; 0 = it stands in no line
};

enum class Outcome : std::uint8_t {
  completed,
  rejected,          ///< never dispatched
  failed,            ///< no target gave an answer
  aborted_upstream,  ///< broke after the first content
  cancelled_client,
  shutdown,  ///< the program stopped
};
std::string_view name(Outcome outcome) noexcept;

/// What a client is told whose request ends with the program.
Error shutdown_error();

/// What is to be known of an attempt's usage beside its figures.
struct UsageFlags {
  bool odd = false;         ///< far more than was to be expected, charged as told (S-11.8)
  bool impossible = false;  ///< the provider told what can't be (S-11.8)
  bool unpriced = false;    ///< a price was assumed, or something has none (U-5)
  bool price_told = false;  ///< the provider stated the price of this very answer
};

/// What one attempt was and what it cost (section 11).
struct AttemptRow {
  int number = 0;                  ///< from 1
  const Target* target = nullptr;  ///< lives with the call's route
  std::uint32_t step = 0;          ///< of that route
  policy::FailureClass failure = policy::FailureClass::ok;
  bool is_hedge = false;
  int recovered_by = 0;         ///< the attempt that went on with this one's stream; 0 = none
  std::int64_t started_ms = 0;  ///< Unix time
  std::int64_t ended_ms = 0;
  wire::Usage usage;
  bool is_estimated = false;  ///< the provider did not say, or told what can't be; see S-11.1
  UsageFlags flags;
  bool is_charged = false;  ///< to the client; otherwise what follows is exposure
  std::int64_t cost_nanousd = 0;
  std::int64_t exposure_nanousd = 0;     ///< what the provider may charge us beside that
  std::vector<SharedText> windows = {};  ///< ids of its target's windows as it began (S-11.5)
};

struct CallResult;

/// Where calls and their attempts are paid from (S-11.9): limits and budgets. Shared by all
/// threads.
class Accounting {
 public:
  virtual ~Accounting() = default;
  /// Before the first attempt: takes the call into the limits and budgets of its client, all of
  /// them or none (L-7); says the windows it is taken from in the call. Errors: `rate_limited`,
  /// `budget_exceeded`, `request_exceeds_limit`; the call is then refused.
  virtual Result<> admit(Call& call, const Operation& operation) {
    static_cast<void>(call);
    static_cast<void>(operation);
    return {};
  }
  /// In the place of `admit`, for a call that gets an answer which is there already: it is one
  /// more request of its client's, and nothing else (M-2). Says its windows in the call. Errors:
  /// `rate_limited`, `request_exceeds_limit`.
  virtual Result<> admit_replay(Call& call) {
    static_cast<void>(call);
    return {};
  }
  /// After the last attempt, exactly once for each call admitted: what it really took.
  virtual void release(const Call& call, const CallResult& result) {
    static_cast<void>(call);
    static_cast<void>(result);
  }
  struct Reservation {
    std::uint64_t id = 0;  ///< 0 = nothing is set aside
    /// The longest answer that is paid for, where the request names none (U-9); 0 = any.
    std::int64_t output_tokens_max = 0;
    /// Ids of the target's windows that it is taken from.
    std::vector<SharedText> windows = {};
  };
  /// Sets aside what an attempt at `target` may take and cost at most. Errors: `budget_exceeded`,
  /// `rate_limited`, `request_exceeds_limit`; the attempt then does not start, and nothing has
  /// changed. `is_last_resort`: no other target is left, so that what is spared of a quota may be
  /// used.
  virtual Result<Reservation> reserve(const Call& call, const Operation& operation,
                                      const Target& target, bool is_last_resort) = 0;
  /// Books `row` in the place of what was set aside. Each reservation is settled or given back,
  /// exactly once.
  virtual void settle(Reservation reservation, const Call& call, const AttemptRow& row) = 0;
  /// The attempt did not start.
  virtual void give_back(Reservation reservation, const Call& call) = 0;

  /// Has a call that was refused wait in line for its provider: by priority, and by the time it has
  /// waited. Who is behind others is refused with `overloaded` until it is its turn. `wake` is
  /// called, on any thread and without waiting, when it is time to try again; also at once, for the
  /// first in line. A call that stands there already stays. False: the line is full.
  virtual bool enter_line(Call& call, const Target& target, std::function<void()> wake) {
    static_cast<void>(call);
    static_cast<void>(target);
    static_cast<void>(wake);
    return false;
  }
  /// Leaves the line it stands in, if any; `wake` is not called any more.
  virtual void leave_line(Call& call) { static_cast<void>(call); }
};

/// How a call ended.
struct CallResult {
  Outcome outcome = Outcome::rejected;
  Error error;  ///< unless completed
  std::string target;
  std::string provider;
  int attempts = 0;
  std::optional<wire::Usage> usage;
  std::int64_t cost_nanousd = 0;
  milliseconds first_content{0};
  milliseconds duration{0};
  std::vector<AttemptRow> rows;  ///< of every attempt, in the order they were started
  std::string explanation;       ///< how its target was chosen, where that is kept
};

/// Told of calls as they end. For any thread.
class CallWatch {
 public:
  virtual ~CallWatch() = default;
  /// Once for each call, before its client has the end of the answer, which says so.
  virtual void on_ended(const Route& route, const CallResult& result) = 0;
};

/// Where calls are written down, so that none is lost with the process: the ledger. One for each
/// thread.
class Journal {
 public:
  virtual ~Journal() = default;
  /// That the call was admitted, before its first attempt. Errors: `ledger_unavailable`; the call
  /// is then refused.
  virtual Result<> open(Call& call, const Operation& operation) = 0;
  /// What an attempt has taken so far, to be booked should the process end: before it begins, now
  /// and then in a stream, and when it failed.
  virtual void note(const Call& call, const AttemptRow& row) {
    static_cast<void>(call);
    static_cast<void>(row);
  }
  /// How it ended and what each attempt took, exactly once for each call opened, and for each
  /// replay, which is not, before its client gets the last byte.
  virtual void close(Call& call, const CallResult& result) = 0;
  /// What was written down must survive a loss of power, too: `open` and `close` are followed by
  /// `kept`.
  [[nodiscard]] virtual bool is_to_be_kept() const { return false; }
  /// Waits until it does. False: that can't be had now.
  virtual net::Task<bool> kept(net::Loop& loop) {
    static_cast<void>(loop);
    co_return true;
  }
};

}  // namespace weir::pipeline
