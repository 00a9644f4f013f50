// SPDX-License-Identifier: Apache-2.0
#include "pipeline/attempt.hpp"

#include <algorithm>
#include <chrono>
#include <limits>

#include "base/ascii.hpp"
#include "base/redact.hpp"
#include "base/spare_text.hpp"
#include "net/http/content_coding.hpp"
#include "net/http/head_writer.hpp"
#include "net/http/retry_after.hpp"
#include "pipeline/needs.hpp"
#include "pipeline/service_relay.hpp"
#include "policy/classify.hpp"
#include "wire/fault.hpp"

namespace weir::pipeline {
namespace {

using policy::FailureClass;

constexpr std::size_t fault_param_bytes_max = 128;
constexpr std::string_view octet_stream = "application/octet-stream";

/// Ends the exchange when a time is over. Moving the end further away costs nothing but a look at
/// the clock: the alarm that comes too early waits on.
class Guard final : public net::Alarm {
 public:
  Guard(net::Loop& loop, net::Exchange& exchange, bool& is_late)
      : loop_(loop), exchange_(exchange), is_late_(is_late) {}
  /// Zero or less: no limit.
  void restart(net::Duration time) {
    if (time <= net::Duration::zero()) return disarm();
    loop_.arm_coarse(*this, loop_.now() + time);
  }

 private:
  void on_alarm() override {
    is_late_ = true;
    exchange_.close();
  }
  net::Loop& loop_;
  net::Exchange& exchange_;
  bool& is_late_;
};

/// When it is time to tell how far a stream has come.
class Milestones {
 public:
  explicit Milestones(const net::Loop& loop) : loop_(loop) {}
  void begin() { told_at_ = loop_.now(); }
  [[nodiscard]] bool is_due(const RelayFacts& facts) {
    constexpr std::chrono::seconds interval{5};
    constexpr std::uint64_t bytes_between = 4'000;  // 1,000 tokens
    const net::TimePoint now = loop_.now();
    if (facts.content_bytes < told_bytes_ + bytes_between && now < told_at_ + interval) {
      return false;
    }
    told_bytes_ = facts.content_bytes;
    told_at_ = now;
    return true;
  }

 private:
  const net::Loop& loop_;
  std::uint64_t told_bytes_ = 0;  ///< of content
  net::TimePoint told_at_;
};

FailureClass class_of(net::ExchangeError error) {
  switch (error) {
    case net::ExchangeError::none:
      return FailureClass::ok;
    case net::ExchangeError::connect:
      return FailureClass::connect;
    case net::ExchangeError::certificate:
      return FailureClass::certificate;
    case net::ExchangeError::reset_early:
      return FailureClass::reset_early;
    case net::ExchangeError::reset_sent:
      return FailureClass::reset_sent;
    case net::ExchangeError::timeout_sent:
      return FailureClass::timeout_sent;
    case net::ExchangeError::malformed:
      return FailureClass::malformed;
    case net::ExchangeError::cut:
      return FailureClass::cut;
    case net::ExchangeError::stalled:
      return FailureClass::stalled;
    case net::ExchangeError::cancelled:
      return FailureClass::client;
  }
  return FailureClass::client;
}

std::string_view media_type_of(std::string_view content_type) {
  content_type = content_type.substr(0, content_type.find(';'));
  while (!content_type.empty() && content_type.back() == ' ') content_type.remove_suffix(1);
  return content_type;
}

bool is_json_type(std::string_view content_type) {
  if (content_type == "application/json") return true;
  const auto type = media_type_of(content_type);
  // A server that says nothing is believed until its body proves otherwise.
  return type.empty() || ascii::equals_ignoring_case(type, "application/json") ||
         type.ends_with("+json") || ascii::equals_ignoring_case(type, "text/json");
}

bool is_stream_type(std::string_view content_type) {
  const auto type = media_type_of(content_type);
  return ascii::equals_ignoring_case(type, "text/event-stream") ||
         ascii::equals_ignoring_case(type, "application/x-ndjson") ||
         ascii::equals_ignoring_case(type, "application/ndjson") ||
         ascii::equals_ignoring_case(type, "application/jsonl");
}

/// Appends the lines of `fields` that no line of `replacing` stands for, then those.
void append_fields(std::string& head, std::string_view fields, std::string_view replacing) {
  if (replacing.empty()) {
    head.append(fields);
    return;
  }
  while (!fields.empty()) {
    const std::string_view line = fields.substr(0, fields.find('\n') + 1);
    fields.remove_prefix(line.size());
    const std::string_view name = line.substr(0, line.find(':'));
    bool is_replaced = false;
    for (std::string_view rest = replacing; !rest.empty() && !is_replaced;) {
      const std::string_view other = rest.substr(0, rest.find(':'));
      is_replaced = ascii::equals_ignoring_case(name, other) && !name.ends_with("-beta");
      rest.remove_prefix(rest.find('\n') + 1);
    }
    if (!is_replaced) head.append(line);
  }
  head.append(replacing);
}

std::string_view accept_field(const Operation& operation) {
  if (operation.is_stream()) return "accept: text/event-stream, application/x-ndjson\r\n";
  if (operation.passes_bytes({})) return "accept: */*\r\n";
  return "accept: application/json\r\n";
}

AttemptEnd malformed(std::string reason) {
  AttemptEnd end;
  end.set(FailureClass::malformed);
  end.error = Error(ErrorCode::upstream_malformed, std::move(reason));
  return end;
}

/// What a decoder found; the path is one in the provider's answer, so no `param` of the request.
AttemptEnd malformed(const Upstream& upstream, const Error& found) {
  const std::string place = found.param.empty() ? "" : "in its answer, " + found.param + ": ";
  return malformed(upstream.name + ": " + place + found.message);
}

/// Of a request that can't be said to the target.
FailureClass class_of_refusal(const Error& error) {
  switch (error.code) {
    case ErrorCode::unsupported_capability:
      return FailureClass::local;
    case ErrorCode::context_length_exceeded:
      return FailureClass::context;
    default:
      return FailureClass::request;
  }
}

}  // namespace

void AttemptEnd::set(FailureClass failure) {
  const policy::FailureTraits& row = policy::traits(failure);
  verdict = {};
  verdict.failure = failure;
  verdict.code = row.code;
  verdict.same_target = row.same_target;
  verdict.next_target = row.next_target;
  verdict.cooldown = row.cooldown;
}

Attempt::Attempt(Call& call, net::Cancellation& cancellation, Operation& operation,
                 const Target& target, Delivery& delivery, ExchangeFactory& exchanges,
                 const WallClock& wall, const AttemptLimits& limits,
                 const Continuation* continuation, std::uint64_t reservation)
    : call_(call),
      cancellation_(cancellation),
      operation_(operation),
      target_(target),
      delivery_(delivery),
      exchanges_(exchanges),
      wall_(wall),
      limits_(limits),
      continuation_(continuation),
      reservation_(reservation) {}

/// The waits of a stream: T-11, then T-13; and T-17.
class Attempt::Guards {
 public:
  explicit Guards(Attempt& attempt)
      : timeouts_(attempt.target_.timeouts),
        content_(attempt.call_.loop, *attempt.exchange_, attempt.is_late_),
        total_(attempt.call_.loop, *attempt.exchange_, attempt.is_late_) {
    content_.restart(attempt.content_deadline_ - attempt.call_.loop.now());
  }
  /// T-17 goes on where the stream began, whoever goes on with it.
  void begin_content(const Continuation* continuation, net::TimePoint now) {
    total_.restart(continuation != nullptr ? continuation->stream_end - now
                                           : net::Duration(timeouts_.stream_total));
  }
  /// After a piece of the stream was handed over.
  void look_at(const RelayFacts& facts) {
    if (is_complete_) return;
    if (facts.is_complete) {
      // S-9.4: behind the last finish reason come usage and the terminator.
      is_complete_ = true;
      return content_.restart(timeouts_.after_finish);
    }
    if (facts.content_bytes == content_seen_) return;
    content_seen_ = facts.content_bytes;
    content_.restart(timeouts_.content_idle);
  }

 private:
  const TargetTimeouts& timeouts_;
  Guard content_;
  Guard total_;
  std::uint64_t content_seen_ = 0;
  bool is_complete_ = false;
};

Result<Outgoing> Attempt::prepare() {
  const bool is_prefilled =
      continuation_ != nullptr && continuation_->method == JoinMethod::prefill;
  return is_prefilled ? operation_.prepare_prefilled(target_, continuation_->begun)
                      : operation_.prepare(target_);
}

void Attempt::make_head(const Outgoing& outgoing) {
  const Upstream& upstream = *target_.upstream;
  head_.reserve(upstream.fields.size() + outgoing.path.size() + 256);
  if (upstream.origin.uses_absolute_form()) {
    head_.append(outgoing.method).append(" http://").append(upstream.authority);
  } else {
    head_.append(outgoing.method).append(" ");
  }
  head_.append(outgoing.path).append(" HTTP/1.1\r\n");
  append_fields(head_, upstream.fields, outgoing.fields);
  head_.append(accept_field(operation_));
  head_.append("x-weir-hops: ").append(std::to_string(call_.hops + 1)).append("\r\n");
  if (!outgoing.content_type.empty()) {
    const std::uint64_t size = outgoing.source ? outgoing.source->size() : outgoing.body.size();
    head_.append("content-type: ").append(outgoing.content_type);
    head_.append("\r\ncontent-length: ").append(std::to_string(size)).append("\r\n");
  } else if (outgoing.method != "GET" && outgoing.method != "DELETE") {
    head_.append("content-length: 0\r\n");
  }
  head_.append("\r\n");
}

// T-14: grows with the answer that was asked for.
net::Duration Attempt::attempt_total() const {
  const TargetTimeouts& timeouts = target_.timeouts;
  if (timeouts.attempt_total_max <= milliseconds::zero()) return net::Duration::zero();
  const milliseconds wanted =
      std::chrono::seconds(60) + milliseconds(operation_.output_tokens_wanted() * 1000 / 30);
  return std::clamp(wanted, std::min(timeouts.attempt_total_min, timeouts.attempt_total_max),
                    timeouts.attempt_total_max);
}

AttemptEnd Attempt::failed(net::ExchangeError error, std::string reason) const {
  AttemptEnd end;
  end.set(class_of(error));
  if (is_late_ && !cancellation_.is_cancelled()) {
    end.set(delivery_.may_fail_over() ? FailureClass::timeout_sent : FailureClass::stalled);
    reason = "no answer in time";
  }
  if (reason.empty()) reason = std::string(name(error));
  if (call_.cut_short) {
    end.error = *call_.cut_short;
    return end;
  }
  end.error = Error(end.verdict.code, target_.upstream->name + ": " + std::move(reason));
  return end;
}

AttemptEnd Attempt::faulted(const wire::UpstreamFault& fault) const {
  policy::UpstreamReply reply;
  reply.provider = target_.upstream->type;
  reply.status = fault.status != 0 ? fault.status : status_;
  reply.type = fault.type;
  reply.code = fault.code;
  reply.message = fault.message;
  reply.reason = fault.reason;
  reply.param = fault.param;
  reply.retry_after = retry_after_;
  if (!reply.retry_after && fault.retry_after_ms) {
    reply.retry_after = milliseconds(*fault.retry_after_ms);
  }
  reply.should_retry = should_retry_;
  reply.is_beside_model = operation_.is_beside_model();
  const auto own_path = operation_.own_path(target_);
  reply.is_beside_chat = own_path.has_value();
  AttemptEnd end;
  if (relay_) end.facts.usage = relay_->facts().usage;
  end.verdict = policy::classify(reply);
  // The mock's models share no account: the one that is told to refuse must not take along those
  // that stand behind it in a route.
  if (target_.upstream->is_mock && end.verdict.cooldown == policy::CooldownScope::key) {
    end.verdict.cooldown = policy::CooldownScope::target;
  }
  if (end.verdict.try_next_for_parameter) learn_refusal(target_, fault);
  std::string message = redacted_message(fault.message);
  std::string param = redacted_message(fault.param, fault_param_bytes_max);
  if (message.empty()) message = "status " + std::to_string(reply.status);
  if (own_path && end.verdict.lacks_operation) {
    learn_missing_path(target_, *own_path, wall_.unix_ms());
    message = no_such_path(*own_path);
    param = "model";
  }
  // What a provider says about our key is not the client's business.
  if (end.verdict.code == ErrorCode::upstream_auth) message = "the gateway's key was refused";
  end.error = Error(end.verdict.code, target_.upstream->name + ": " + message, std::move(param));
  end.error.upstream_status = reply.status;
  // One of nothing is not passed on: the target rests for a while all the same (K-2).
  if (end.verdict.wait > milliseconds(0)) end.error.retry_after = end.verdict.wait;
  return end;
}

void Attempt::remember_fields() {
  const auto& fields = exchange_->head().fields;
  const auto text = [&](std::string_view name) {
    return fields.find(name).value_or(std::string_view());
  };
  content_type_ = text("content-type");
  content_encoding_ = text("content-encoding");
  status_ = exchange_->head().status;
  const auto now = net::http::WallTime(milliseconds(wall_.unix_ms()));
  if (const auto ms = fields.find("retry-after-ms")) {
    retry_after_ = net::http::parse_retry_after_ms(*ms);
  }
  if (const auto value = fields.find("retry-after"); value && !retry_after_) {
    const auto date = net::http::parse_http_date(text("date"), now);
    retry_after_ = net::http::parse_retry_after(*value, date ? net::http::WallTime(*date) : now);
  }
  if (const auto word = fields.find("x-should-retry")) should_retry_ = *word == "true";
  remember_limits(now);
}

void Attempt::remember_limits(net::http::WallTime now) {
  const auto is_limit = [](const net::http::Field& field) {
    return field.name.find("limit") != std::string_view::npos;
  };
  const auto& fields = exchange_->head().fields.all();
  const auto first = std::find_if(fields.begin(), fields.end(), is_limit);
  if (first == fields.end()) return;
  policy::RateHeaderReader reader(
      [now](std::string_view stamp) { return net::http::parse_rfc3339_wait(stamp, now); });
  for (auto field = first; field != fields.end(); ++field) {
    if (is_limit(*field)) reader.offer(field->name, field->value);
  }
  const policy::RateSnapshot limits = reader.snapshot();
  if (limits == policy::RateSnapshot{}) return;
  target_.upstream->counters->reported.set(limits, wall_.unix_ms());
  target_.reported->set(limits, wall_.unix_ms(), reservation_);
}

net::Task<AttemptEnd> Attempt::run(AnswerNotes notes, net::TimePoint deadline,
                                   AttemptListener& listener) {
  AttemptEnd end;
  Result<Outgoing> prepared = prepare();
  if (!prepared) {
    end.set(class_of_refusal(prepared.error()));
    end.error = std::move(prepared).error();
    co_return end;
  }
  const Outgoing& outgoing = *prepared;
  notes_ = std::move(notes);
  notes_.dropped = outgoing.dropped;
  make_head(outgoing);

  exchange_ = exchanges_.make(target_, cancellation_);
  relay_ = continuation_ != nullptr ? make_joining_relay(*continuation_, target_)
                                    : operation_.make_relay(target_);
  Guard guard(call_.loop, *exchange_, is_late_);
  const net::Duration left = deadline - call_.loop.now();
  const bool is_stream = operation_.is_stream();
  const net::Duration limit =
      is_stream ? net::Duration(target_.timeouts.first_content) : attempt_total();
  const net::Duration allowed = limit > net::Duration::zero() ? std::min(limit, left) : left;
  guard.restart(allowed);
  content_deadline_ = call_.loop.now() + allowed;

  net::ExchangeTimeouts timeouts;
  timeouts.connect = target_.timeouts.connect;
  timeouts.write_stall = target_.timeouts.request_write_stall;
  timeouts.first_byte = is_stream ? net::Duration(target_.timeouts.first_byte) : left;
  const net::ExchangeLimits& limits = target_.upstream->limits;
  net::ExchangeResult sent;
  if (outgoing.source) {
    sent =
        co_await exchange_->send_pieces(outgoing.method, head_, *outgoing.source, timeouts, limits);
  } else {
    sent = co_await exchange_->send(outgoing.method, head_, outgoing.body, timeouts, limits);
  }
  if (!sent) {
    end = failed(sent.error, sent.reason);
    co_return end;
  }
  remember_fields();
  if (status_ >= 300) {
    end = co_await read_refusal();
  } else if (operation_.passes_bytes(media_type_of(content_type_))) {
    guard.disarm();
    end = co_await read_bytes(listener);
  } else if (is_stream) {
    guard.disarm();
    end = co_await read_stream(listener);
  } else {
    end = co_await read_whole(listener);
  }
  if (end.is_ok() || status_ >= 300) {
    exchange_->finish(target_.timeouts.pool_idle);
  }
  keep_spare_text(std::move(prepared->body));
  co_return end;
}

net::Task<AttemptEnd> Attempt::collect(std::string& body, std::size_t bytes_max) {
  AttemptEnd end;
  const auto coding = net::http::parse_content_coding(content_encoding_);
  if (!coding) {
    end = malformed("the answer has an unknown content-encoding");
    co_return end;
  }
  std::optional<net::http::BodyInflater> inflater;
  if (*coding != net::http::ContentCoding::identity) {
    inflater.emplace(*coding, net::http::InflateLimits{.bytes_max = bytes_max});
  }
  for (;;) {
    auto piece = exchange_->piece_at_hand();
    if (!piece) piece = co_await exchange_->read(target_.timeouts.stream_idle);
    if (piece->error != net::ExchangeError::none) {
      end = failed(piece->error, {});
      co_return end;
    }
    Result<> unpacked;
    if (inflater) {
      unpacked = inflater->feed(piece->bytes, body);
      if (unpacked && piece->is_last) unpacked = inflater->finish();
    } else {
      body.append(piece->bytes);
    }
    if (!unpacked || body.size() > bytes_max) {
      end = malformed(unpacked ? "the answer is too large" : unpacked.error().message);
      co_return end;
    }
    if (piece->is_last) co_return end;
  }
}

net::Task<AttemptEnd> Attempt::read_refusal() {
  std::string body;
  if (status_ < 400) {
    AttemptEnd end;
    end.set(FailureClass::redirect);
    end.error = Error(ErrorCode::upstream_error, target_.upstream->name + ": answered " +
                                                     std::to_string(status_) +
                                                     ", and redirects are not followed");
    exchange_->close();
    co_return end;
  }
  AttemptEnd collected = co_await collect(body, limits_.error_body_bytes_max);
  // A refusal is a refusal, whatever is wrong with its body.
  if (collected.failure() == FailureClass::client) co_return collected;
  if (!collected.is_ok()) exchange_->close();
  const wire::UpstreamFault fault = wire::read_fault(status_, body);
  collected = faulted(fault);
  co_return collected;
}

net::Task<AttemptEnd> Attempt::read_whole(AttemptListener& listener) {
  SpareText body;
  if (!is_json_type(content_type_)) {
    AttemptEnd end = malformed(target_.upstream->name + ": answered with " +
                               redacted_message(content_type_) + " in place of JSON");
    co_return end;
  }
  AttemptEnd end = co_await collect(*body, target_.upstream->body_bytes_max);
  if (end.failure() == FailureClass::cut || end.failure() == FailureClass::stalled) {
    end.error.message = target_.upstream->name + ": the answer broke off";
  }
  if (!end.is_ok()) co_return end;

  SpareText out;
  const Result<> relayed = relay_->whole(*body, *out);
  if (!relayed) {
    end = malformed(*target_.upstream, relayed.error());
    co_return end;
  }
  end.facts = relay_->facts();
  if (end.facts.fault) {
    end = faulted(*end.facts.fault);
    co_return end;
  }
  end.first_content_at = call_.loop.now();
  if (!listener.may_answer()) {
    end.is_beaten = true;
    end.set(FailureClass::client);
    co_return end;
  }
  const bool is_to_be_kept = listener.on_whole(end);
  if (end.facts.usage) {
    const AttemptRow& row = listener.row();
    if (row.flags.unpriced) notes_.warnings.emplace_back("unpriced");
    if (row.flags.impossible) notes_.warnings.emplace_back("impossible_usage");
    if (!row.flags.unpriced || row.cost_nanousd > 0) {
      notes_.cost = to_usd_text(NanoUsd(row.cost_nanousd));
    }
  }
  if (is_to_be_kept) co_await listener.kept();
  const bool is_taken = co_await delivery_.whole(200, operation_.media_type(), notes_, *out);
  if (!is_taken) end.set(FailureClass::client);
  co_return end;
}

Result<> Attempt::relay_raw(const net::Exchange::Piece& piece,
                            std::optional<net::http::BodyInflater>& inflater, std::string& out) {
  if (!inflater) {
    WEIR_TRY(relay_->feed(piece.bytes, out));
  } else {
    std::string plain;
    WEIR_TRY(inflater->feed(piece.bytes, plain));
    if (piece.is_last) WEIR_TRY(inflater->finish());
    WEIR_TRY(relay_->feed(plain, out));
  }
  return piece.is_last ? relay_->end(out) : Result<>();
}

net::Task<AttemptEnd> Attempt::read_bytes(AttemptListener& listener) {
  AttemptEnd end;
  const auto coding = net::http::parse_content_coding(content_encoding_);
  if (!coding) {
    end = malformed("the answer has an unknown content-encoding");
    co_return end;
  }
  std::optional<net::http::BodyInflater> inflater;
  if (*coding != net::http::ContentCoding::identity) {
    inflater.emplace(
        *coding, net::http::InflateLimits{.bytes_max = std::numeric_limits<std::uint64_t>::max()});
  }
  relay_ = make_raw_relay(media_type_of(content_type_));
  const std::string media_type(content_type_.empty() ? octet_stream : content_type_);
  Guard content_guard(call_.loop, *exchange_, is_late_);  // T-11 or T-14
  Guard total_guard(call_.loop, *exchange_, is_late_);    // T-17
  content_guard.restart(content_deadline_ - call_.loop.now());
  std::string out;
  for (bool is_last = false; !is_last && end.is_ok(); out.clear()) {
    const net::Exchange::Piece piece = co_await exchange_->read(target_.timeouts.stream_idle);
    if (piece.error != net::ExchangeError::none) {
      // What the client has so far must not pass for the whole: its connection ends without an end
      // of the body.
      end = failed(piece.error, "the answer broke off");
      break;
    }
    is_last = piece.is_last;
    const Result<> relayed = relay_raw(piece, inflater, out);
    if (!relayed) {
      end = malformed(*target_.upstream, relayed.error());
      break;
    }
    if (out.empty() && !is_last) continue;
    const bool is_first = delivery_.may_fail_over();
    if (is_first && out.empty() && !operation_.may_answer_nothing()) {
      end = malformed(target_.upstream->name + ": answered with nothing");
      break;
    }
    bool is_taken = true;
    if (is_first) {
      content_guard.disarm();
      total_guard.restart(target_.timeouts.stream_total);
      if (!note_content(end, listener)) break;
    }
    if (is_last) {
      end.facts = relay_->facts();
      if (listener.on_whole(end)) co_await listener.kept();
    }
    if (is_first && is_last) {
      is_taken = co_await delivery_.whole(status_, media_type, notes_, out);
    } else if (is_first) {
      is_taken = co_await delivery_.commit(media_type, notes_, out, status_);
    } else if (is_last) {
      is_taken = co_await delivery_.finish(out);
    } else {
      is_taken = co_await delivery_.more(out);
    }
    if (!is_taken) end.set(FailureClass::client);
  }
  end.facts = relay_->facts();
  co_return end;
}

net::Task<AttemptEnd> Attempt::read_whole_as_stream(AttemptListener& listener) {
  Guard guard(call_.loop, *exchange_, is_late_);
  guard.restart(content_deadline_ - call_.loop.now());
  const std::size_t bytes_max =
      is_json_type(content_type_) ? target_.upstream->body_bytes_max : limits_.error_body_bytes_max;
  std::string body;
  AttemptEnd end = co_await collect(body, bytes_max);
  if (!end.is_ok()) co_return end;
  guard.restart(net::Duration::zero());

  std::string out;
  const Result<> relayed = relay_->whole_as_stream(body, out);
  end.facts = relay_->facts();
  if (end.facts.fault) {
    end = faulted(*end.facts.fault);
    co_return end;
  }
  if (!relayed || !end.facts.has_content) {
    end = malformed(target_.upstream->name + ": answered with " + redacted_message(content_type_) +
                    " in place of a stream");
    co_return end;
  }
  if (!note_content(end, listener)) co_return end;
  bool is_taken = co_await hand_over(out);
  if (is_draining_) is_taken = true;
  out.clear();
  relay_->finish(out);
  if (is_taken && listener.on_whole(end)) co_await listener.kept();
  if (is_taken) is_taken = co_await delivery_.finish(out);
  if (!is_taken) end.set(FailureClass::client);
  co_return end;
}

bool Attempt::note_content(AttemptEnd& end, AttemptListener& listener) {
  end.first_content_at = call_.loop.now();
  if (!listener.may_answer()) {
    end.is_beaten = true;
    end.set(FailureClass::client);
    return false;
  }
  listener.on_first_content(*end.first_content_at);
  return true;
}

/// Looks at what came; `end` stays ok while there is nothing wrong with it.
void Attempt::judge(const net::Exchange::Piece& piece, std::string& out, AttemptEnd& end) {
  const bool is_broken = piece.error != net::ExchangeError::none;
  Result<> relayed;
  if (!is_broken) {
    if (!piece.bytes.empty()) relayed = relay_->feed(piece.bytes, out);
    if (relayed && piece.is_last) relayed = relay_->end(out);
  } else if (relay_->facts().is_complete) {
    // The answer is whole; how the connection ended no longer matters.
    relayed = relay_->end(out);
  }
  const RelayFacts& facts = relay_->facts();
  const std::optional<net::TimePoint> first_content_at = end.first_content_at;
  if (facts.fault) {
    end = faulted(*facts.fault);
  } else if (!relayed) {
    end = malformed(*target_.upstream, relayed.error());
  } else if (facts.has_diverged) {
    // The target did nothing wrong: it answered, only not as the one before it had begun.
    end.set(FailureClass::local);
    end.error = Error(ErrorCode::upstream_error,
                      target_.upstream->name + ": its answer can't be joined to the one begun");
  } else if (is_broken && !facts.is_complete) {
    end = failed(piece.error, "the stream broke off");
  } else if (piece.is_last && !facts.is_complete) {
    end = failed(net::ExchangeError::cut, "the stream ended before its end");
  }
  end.first_content_at = first_content_at;
}

/// S-9.13: too little has come to be sure that more will.
bool Attempt::is_to_hold() const {
  constexpr std::uint64_t bytes_per_token = 4;
  const StreamPolicy& policy = call_.route->stream;
  if (policy.hold_back_tokens <= 0 || !delivery_.may_fail_over()) return false;
  const RelayFacts& facts = relay_->facts();
  return !facts.is_complete && facts.content_bytes / bytes_per_token <
                                   static_cast<std::uint64_t>(policy.hold_back_tokens);
}

net::Task<bool> Attempt::hand_over(std::string_view out) {
  constexpr bool is_taken = true;
  if (is_draining_) return net::Task<bool>::ready(is_taken);  // read for its usage alone
  if (is_to_hold()) {
    delivery_.hold(notes_, out, call_.route->stream.hold_back_max);
    return net::Task<bool>::ready(is_taken);
  }
  if (delivery_.may_fail_over()) return delivery_.commit(operation_.media_type(), notes_, out);
  return out.empty() ? net::Task<bool>::ready(is_taken) : delivery_.more(out);
}

net::Task<AttemptEnd> Attempt::read_stream(AttemptListener& listener) {
  AttemptEnd end;
  if (!is_stream_type(content_type_)) {
    end = co_await read_whole_as_stream(listener);
    co_return end;
  }
  Guards guards(*this);
  Milestones milestones(call_.loop);
  std::string out;
  bool is_over = false;
  while (!is_over) {
    const net::Exchange::Piece piece = co_await exchange_->read(target_.timeouts.stream_idle);
    is_over = piece.is_last || piece.error != net::ExchangeError::none;
    judge(piece, out, end);
    const RelayFacts& facts = relay_->facts();
    // A normal end counts as content: an answer may be nothing else (a filter's refusal, say), and
    // some dialects tell of it in their very last frame only.
    const bool is_news = !out.empty() || (facts.is_complete && !end.first_content_at);
    if (facts.has_content && is_news) {
      if (!end.first_content_at) {
        // A stream that fails with its first content has not begun for the client. Later on, what
        // came well before the failure is the client's: recovery goes on behind it.
        if (!end.is_ok() || !note_content(end, listener)) break;
        guards.begin_content(continuation_, *end.first_content_at);
        milestones.begin();
      }
      if (end.is_ok() || !delivery_.may_fail_over()) {
        const bool is_taken = co_await hand_over(out);
        out.clear();
        if (!is_taken && !is_draining_) end.set(FailureClass::client);
        if (milestones.is_due(facts)) listener.on_progress(facts);
      }
    }
    if (!end.is_ok()) break;
    guards.look_at(facts);
    if (facts.is_terminated) break;
  }
  end.facts = relay_->facts();
  if (end.is_ok()) co_await end_stream(end, is_over, listener);
  co_return end;
}

net::Task<void> Attempt::end_stream(AttemptEnd& end, bool is_body_over, AttemptListener& listener) {
  if (!end.first_content_at) {
    end = malformed(target_.upstream->name + ": the stream held no answer");
    co_return;
  }
  if (is_draining_) {
    end.set(FailureClass::client);
    co_return;
  }
  if (delivery_.is_holding()) {
    const bool is_held_taken = co_await delivery_.release();
    if (!is_held_taken) end.set(FailureClass::client);
    if (!is_held_taken) co_return;
  }
  std::string last;
  relay_->finish(last);
  if (listener.on_whole(end)) co_await listener.kept();
  const bool is_taken = co_await delivery_.finish(last);
  if (!is_taken) end.set(FailureClass::client);
  // The body's own end usually stands right behind the terminator; with it the connection can serve
  // again. What else comes is thrown away with the connection.
  if (is_taken && !is_body_over) static_cast<void>(co_await exchange_->read(milliseconds(40)));
}

}  // namespace weir::pipeline
