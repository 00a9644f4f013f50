// SPDX-License-Identifier: Apache-2.0
#include "server/content_log.hpp"

#include <memory>
#include <utility>

#include "pipeline/call.hpp"
#include "server/callers.hpp"
#include "store/files.hpp"

namespace weir::server {
namespace {

/// What waits for the disk at most.
constexpr std::size_t queued_bytes_max = std::size_t{32} << 20;
constexpr std::size_t call_bytes = 1'024;  ///< of one beside its content

std::string kept(const PassedContent& content, const Redactor& redactor) {
  if (!content.reason.empty()) return not_kept(content.reason, content.bytes);
  return content.is_too_long() ? not_kept("it is too long", content.bytes)
                               : kept_content(content.body, redactor);
}

store::StoredResponse entry_of(const LoggedCall& call, const Redactor& redactor) {
  store::StoredResponse entry;
  entry.id = call.id;
  entry.tenant = call.tenant;
  entry.target = call.target;
  entry.input = kept(call.question, redactor);
  entry.response = call.is_stream && !call.answer.is_too_long()
                       ? kept_stream(call.answer.body, call.form, call.dialect, redactor)
                       : kept(call.answer, redactor);
  entry.created_ms = call.now_ms;
  return entry;
}

/// Whose content the configuration has logged.
shared_state::LoggedTenants::Kept content_logged(const config::Config& config) {
  using policy::LimitScope;
  shared_state::LoggedTenants::Kept kept;
  const auto add = [&](LimitScope scope, std::string name, const config::ClientConfig& client) {
    if (client.log_content.count() > 0) kept[{scope, std::move(name)}] = client.log_content;
  };
  for (const auto& key : config.key_settings) {
    add(LimitScope::key, public_id(key.key.reveal()), key);
  }
  for (const auto& user : config.users) add(LimitScope::user, user.name, user);
  for (const auto& team : config.teams) add(LimitScope::team, team.name, team);
  return kept;
}

/// The same as a JSON object of milliseconds; empty: nobody's.
std::string text_of(const shared_state::LoggedTenants::Kept& kept) {
  std::string text;
  if (kept.empty()) return text;
  json::Writer json(text);
  json.begin_object();
  for (const auto& [owner, time] : kept) {
    const std::string name = std::string(policy::name(owner.scope)) + " " + owner.name;
    json.member(name, static_cast<std::int64_t>(time.count()));
  }
  json.end_object();
  return text;
}

Result<store::StoredResponse> nothing_of(const std::string& request_id) {
  return Error(ErrorCode::route_unknown, "no content is kept of the request " + request_id);
}

}  // namespace

void PassedContent::append(std::string_view more, std::size_t bytes_max) {
  const bool is_whole = !is_too_long();
  bytes += more.size();
  if (!is_whole) return;
  if (bytes <= bytes_max) {
    body.append(more);
  } else {
    body = {};
  }
}

ContentLog::ContentLog(const config::ContentLogSettings& settings, std::string data_directory,
                       ResponseArchive::MakeKeys make_keys, ResponseArchive::OnRemoved on_removed,
                       Log& log)
    : log_(log),
      remembered_file_(data_directory + "/content-log"),
      archive_({.store = config::ContentStorage::disk,
                .bytes_max = static_cast<std::size_t>(settings.bytes_max.bytes),
                .file = "content.db"},
               std::move(data_directory), std::move(make_keys), std::move(on_removed)) {}

Result<> ContentLog::configure(const config::Config& config, const WriteDown& write_down) {
  constexpr std::size_t bytes_max = std::size_t{16} << 20;
  auto kept = content_logged(config);
  const std::string said = text_of(kept);
  auto read = store::read_file(remembered_file_, bytes_max);
  if (!read && read.error().code != ErrorCode::route_unknown) return std::move(read).error();
  std::string before = read ? *std::move(read) : std::string();
  if (said != before) {
    WEIR_TRY(write_down(std::move(before), said));
    WEIR_TRY(said.empty() ? store::remove_file(remembered_file_)
                          : store::replace_file(remembered_file_, said));
  }
  tenants_.configure(std::move(kept));
  return {};
}

void ContentLog::keep(LoggedCall call) {
  const std::size_t bytes = call_bytes + call.question.body.size() + call.answer.body.size();
  if (queued_bytes_.fetch_add(bytes) + bytes > queued_bytes_max) {
    queued_bytes_ -= bytes;
    note(Error(ErrorCode::store_unavailable, "the disk does not keep up"));
    return;
  }
  const auto logged = std::make_shared<const LoggedCall>(std::move(call));
  archive_.put_later([this, logged] { return entry_of(*logged, log_.redactor()); }, logged->now_ms,
                     logged->kept,
                     [this, bytes](const Result<>& put) {
                       queued_bytes_ -= bytes;
                       note(put);
                     });
}

/// Once as it stops, once as it goes on.
void ContentLog::note(const Result<>& kept) {
  if (!kept) {
    if (lost_.fetch_add(1) > 0) return;
    log_.warn("content_not_kept", "content that is to be logged can't be kept",
              {{"reason", kept.error().message}});
  } else if (const std::int64_t lost = lost_.exchange(0); lost > 0) {
    log_.info("content_kept", "content is logged again", {{"lost", lost}});
  }
}

Result<store::StoredResponse> ContentLog::find(const std::string& request_id, std::int64_t now_ms) {
  Result<store::StoredResponse> found = nothing_of(request_id);
  const Result<> asked = archive_.wait([&](store::ResponseStore& store) -> Result<> {
    WEIR_TRY_ASSIGN(tenant, store.tenant_of(request_id));
    found = store.get(tenant, request_id, now_ms);
    return {};
  });
  if (!asked && asked.error().code != ErrorCode::route_unknown) return asked.error();
  const bool is_none = !found && found.error().code == ErrorCode::route_unknown;
  return is_none ? nothing_of(request_id) : std::move(found);
}

void write_logged_content(json::Writer& json, const store::StoredResponse& entry) {
  json.begin_object().member("id", entry.id).member("key", entry.tenant);
  json.member("target", entry.target).member("created_ms", entry.created_ms);
  json.key("question").raw(entry.input).key("answer").raw(entry.response).end_object();
}

void ContentChannel::conclude() {
  if (!std::exchange(is_concluded_, true)) on_whole_(*this);
}

void ContentChannel::on_settled(const pipeline::CallResult& result) {
  is_settled_ = true;
  target_ = result.target;
  PassingChannel::on_settled(result);
}

net::Task<bool> ContentChannel::respond(int status, std::string_view fields,
                                        std::string_view body) {
  answer_.append(body, bytes_max_);
  conclude();
  const bool is_taken = co_await inner().respond(status, fields, body);
  co_return is_taken;
}

net::Task<bool> ContentChannel::begin(int status, std::string_view fields) {
  constexpr std::string_view events = "content-type: text/event-stream";
  is_stream_ = true;
  has_events_ = fields.find(events) != std::string_view::npos;
  return inner().begin(status, fields);
}

net::Task<bool> ContentChannel::write(std::string_view bytes) {
  answer_.append(bytes, bytes_max_);
  if (!is_settled_) return inner().write(bytes);
  held_.append(bytes);
  return net::Task<bool>::ready(true);
}

net::Task<bool> ContentChannel::end() {
  conclude();
  bool is_taken = true;
  if (!held_.empty()) is_taken = co_await inner().write(held_);
  if (is_taken) is_taken = co_await inner().end();
  co_return is_taken;
}

}  // namespace weir::server
