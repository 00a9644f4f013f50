// SPDX-License-Identifier: Apache-2.0
#include "server/idempotency.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/ascii.hpp"
#include "net/http/head_writer.hpp"
#include "policy/failure.hpp"
#include "store/files.hpp"

namespace weir::server {
namespace {

constexpr std::string_view header = "Idempotency-Key";
constexpr std::size_t key_chars_max = 255;
constexpr std::int64_t sweep_every_ms = 60'000;
/// Few enough to take a fraction of a second of the store's thread (J-4).
constexpr std::size_t swept_at_once = 1'000;

bool may_be_billed(const pipeline::CallResult& result) {
  return std::any_of(result.rows.begin(), result.rows.end(), [](const pipeline::AttemptRow& row) {
    return row.is_charged || row.exposure_nanousd > 0 || policy::traits(row.failure).maybe_billed;
  });
}

}  // namespace

// ---- where they are kept ------------------------------------------------------------------------

Idempotency::Idempotency(const config::IdempotencySettings& settings, std::string data_directory,
                         bool is_power_safe, MakeKeys make_keys, OnRemoved on_removed)
    : settings_(settings),
      data_directory_(std::move(data_directory)),
      is_power_safe_(is_power_safe),
      make_keys_(std::move(make_keys)),
      on_removed_(std::move(on_removed)),
      store_([this] { return open(); }) {}

/// What an earlier process left unfinished is to be known even if nobody asks this one.
void Idempotency::start(std::string instance) {
  instance_ = std::move(instance);
  if (settings_.store != config::ContentStorage::disk || !has_any()) return;
  store_.tell([](store::IdempotencyStore&) { return Result<>(); });
}

/// A database is not made to find it empty.
bool Idempotency::has_any() const {
  return settings_.store == config::ContentStorage::memory || (is_on() && store::exists(file()));
}

Result<std::unique_ptr<store::IdempotencyStore>> Idempotency::open() {
  store::IdempotencyStore::Options options;
  options.bytes_max = settings_.bytes_max.bytes;
  options.is_power_safe = is_power_safe_;
  if (settings_.store != config::ContentStorage::disk) {
    return store::IdempotencyStore::open_in_memory(std::move(options));
  }
  if (instance_.empty()) {
    return Error(ErrorCode::store_unavailable, "there is no data directory to keep it in");
  }
  WEIR_TRY_ASSIGN(keys, make_keys_());
  keys_ = std::move(keys);
  options.keys = keys_.get();
  options.instance = instance_;
  return store::IdempotencyStore::open(file(), std::move(options));
}

net::Task<Result<std::optional<store::OnceAnswer>>> Idempotency::begin(
    net::Loop& loop, store::OnceRequest request, std::int64_t now_ms,
    std::chrono::milliseconds ttl) {
  std::optional<store::OnceAnswer> before;
  const Question question = [&](store::IdempotencyStore& store) -> Result<> {
    sweep(store, now_ms);
    WEIR_TRY_ASSIGN(found, store.begin(request, now_ms, now_ms + ttl.count()));
    before = std::move(found);
    return {};
  };
  Result<> begun = co_await store_.ask(loop, question);
  if (!begun) co_return std::move(begun).error();
  co_return before;
}

net::Task<Result<>> Idempotency::conclude(net::Loop& loop, store::OnceRequest request,
                                          OnceEnding ending, store::OnceAnswer answer) {
  const Question question = [&](store::IdempotencyStore& store) -> Result<> {
    switch (ending) {
      case OnceEnding::answered:
        return store.keep(request, answer);
      case OnceEnding::unknown:
        return store.lose(request);
      case OnceEnding::undone:
        break;
    }
    return store.forget(request);
  };
  Result<> concluded = co_await store_.ask(loop, question);
  co_return concluded;
}

/// What could not be removed now is found again at the next time.
void Idempotency::sweep(store::IdempotencyStore& store, std::int64_t now_ms) {
  if (now_ms - swept_ms_ < sweep_every_ms) return;
  const auto removed = store.remove_expired(now_ms, swept_at_once);
  if (!removed || *removed < swept_at_once) swept_ms_ = now_ms;
  if (removed && *removed > 0) on_removed_(*removed);
}

// ---- an answer on its way -----------------------------------------------------------------------

void OnceChannel::on_settled(const pipeline::CallResult& result) {
  outcome_ = result.outcome;
  may_be_billed_ = may_be_billed(result);
  PassingChannel::on_settled(result);
}

/// M-4.
OnceEnding OnceChannel::ending() const {
  using pipeline::Outcome;
  constexpr int first_error = 400;  // of a provider's own, passed through
  switch (outcome_.value_or(Outcome::rejected)) {
    case Outcome::completed:
      return answer_.status < first_error ? OnceEnding::answered : OnceEnding::undone;
    case Outcome::failed:
    case Outcome::aborted_upstream:
      return may_be_billed_ ? OnceEnding::answered : OnceEnding::undone;
    case Outcome::cancelled_client:
    case Outcome::shutdown:
      return may_be_billed_ ? OnceEnding::unknown : OnceEnding::undone;
    case Outcome::rejected:
      break;
  }
  return OnceEnding::undone;
}

void OnceChannel::record(std::string_view bytes, std::size_t bytes_max) {
  if (is_too_long_ || answer_.body.size() + bytes.size() > bytes_max) {
    is_too_long_ = true;
    answer_.body = {};
    return;
  }
  answer_.body.append(bytes);
}

net::Task<void> OnceChannel::conclude(OnceEnding ending) {
  if (std::exchange(is_concluded_, true)) co_return;
  if (is_too_long_ && ending == OnceEnding::answered) ending = OnceEnding::unknown;
  Result<> kept = co_await idempotency_.conclude(loop_, request_, ending, std::move(answer_));
  if (!kept) failure_ = std::move(kept).error();
}

net::Task<void> OnceChannel::conclude_unanswered(pipeline::Outcome outcome) {
  outcome_ = outcome;
  const OnceEnding wanted = ending();
  co_await conclude(wanted == OnceEnding::answered ? OnceEnding::unknown : wanted);
}

net::Task<bool> OnceChannel::respond(int status, std::string_view fields, std::string_view body) {
  answer_.status = status;
  answer_.fields = fields;
  record(body, limits_.answer_bytes_max);
  co_await conclude(ending());
  const bool is_taken = co_await inner().respond(status, fields, body);
  co_return is_taken;
}

net::Task<bool> OnceChannel::begin(int status, std::string_view fields) {
  answer_.status = status;
  answer_.is_stream = true;
  answer_.fields = fields;
  is_head_held_ = outcome_.has_value();
  if (is_head_held_) co_return true;
  const bool is_taken = co_await inner().begin(status, fields);
  co_return is_taken;
}

net::Task<bool> OnceChannel::write(std::string_view bytes) {
  record(bytes, limits_.stream_bytes_max);
  if (!outcome_) return inner().write(bytes);
  held_.append(bytes);
  return net::Task<bool>::ready(true);
}

net::Task<bool> OnceChannel::end() {
  const int status = answer_.status;
  const std::string fields = is_head_held_ ? answer_.fields : std::string();
  co_await conclude(ending());
  bool is_taken = true;
  if (is_head_held_) is_taken = co_await inner().begin(status, fields);
  if (is_taken && !held_.empty()) is_taken = co_await inner().write(held_);
  if (is_taken) is_taken = co_await inner().end();
  co_return is_taken;
}

// ---- headers ------------------------------------------------------------------------------------

Result<std::optional<std::string_view>> idempotency_key_of(const net::http::RequestHead& head) {
  std::optional<std::string_view> key;
  for (const auto& field : head.fields.all()) {
    if (field.name.size() != header.size() || !ascii::equals_ignoring_case(field.name, header)) {
      continue;
    }
    const bool is_visible = std::all_of(field.value.begin(), field.value.end(),
                                        [](char c) { return c >= '!' && c <= '~'; });
    if (key || field.value.empty() || field.value.size() > key_chars_max || !is_visible) {
      return Error(ErrorCode::invalid_request, "must be one value of 1 to 255 visible characters",
                   std::string(header));
    }
    key = field.value;
  }
  return key;
}

std::string replayed_fields(std::string_view fields, wire::Dialect dialect,
                            std::string_view request_id) {
  static constexpr auto own = std::to_array<std::string_view>(
      {"x-weir-request-id", "x-request-id", "request-id", "x-weir-attempts", "x-weir-cost"});
  std::string out;
  while (!fields.empty()) {
    const std::size_t end = fields.find("\r\n");
    const std::string_view line = fields.substr(0, end == std::string_view::npos ? end : end + 2);
    fields.remove_prefix(line.size());
    const std::string_view name = line.substr(0, line.find(':'));
    const bool is_own = std::any_of(own.begin(), own.end(), [&](std::string_view word) {
      return ascii::equals_ignoring_case(word, name);
    });
    if (!is_own) out.append(line);
  }
  pipeline::append_request_id(out, dialect, request_id);
  net::http::append_field(out, "x-weir-attempts", std::uint64_t{0});
  net::http::append_field(out, "idempotency-replayed", "true");
  return out;
}

}  // namespace weir::server
