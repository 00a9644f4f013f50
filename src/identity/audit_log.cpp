// SPDX-License-Identifier: Apache-2.0
#include "identity/audit_log.hpp"

#include "base/sha256.hpp"
#include "json/writer.hpp"

namespace weir::identity {
namespace {

/// The first row is no record: its hash is what the next one goes on from. That of row 0 nobody
/// could foresee; later it is that of a record that was removed.
constexpr const char* schema = R"sql(
CREATE TABLE IF NOT EXISTS audit(
  seq INTEGER PRIMARY KEY,
  record TEXT NOT NULL,
  hash BLOB NOT NULL);
INSERT INTO audit(seq, record, hash) SELECT 0, '', randomblob(32)
  WHERE NOT EXISTS(SELECT 1 FROM audit);
)sql";

std::string record_text(std::int64_t seq, const Actor& actor, const AuditEntry& entry,
                        std::int64_t now_ms) {
  std::string text;
  json::Writer json(text);
  json.begin_object().member("seq", seq).member("time_ms", now_ms);
  json.member("actor", actor.name).member("address", actor.address);
  json.member("action", entry.action).member("object", entry.object);
  if (!entry.before.empty()) json.key("before").raw(entry.before);
  if (!entry.after.empty()) json.key("after").raw(entry.after);
  json.member("request_id", actor.request_id).end_object();
  return text;
}

}  // namespace

std::string audit_hash(std::string_view previous, std::string_view record) {
  const Sha256Digest hash = Sha256().add(previous).add(record).finish();
  return {hash.begin(), hash.end()};
}

Result<AuditLog> AuditLog::open(store::SqliteDatabase& database) {
  WEIR_TRY(database.run(schema));
  AuditLog log(database);
  WEIR_TRY(database.prepare({
      {log.select_last_, "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1"},
      {log.insert_, "INSERT INTO audit(seq, record, hash) VALUES(?, ?, ?)"},
      {log.select_,
       "SELECT seq, record, hash FROM audit WHERE seq > ? AND record <> '' ORDER BY seq LIMIT ?"},
      {log.select_first_, "SELECT seq FROM audit ORDER BY seq LIMIT 1"},
      {log.remove_, "DELETE FROM audit WHERE seq < ?"},
      {log.empty_, "UPDATE audit SET record = '' WHERE seq = ? AND hash = ?"},
  }));
  return log;
}

Result<> AuditLog::append(const Actor& actor, const AuditEntry& entry, std::int64_t now_ms) {
  // Read anew each time: another instance may share the database.
  WEIR_TRY_ASSIGN(before, last());
  const std::int64_t seq = before.seq + 1;
  const std::string record = record_text(seq, actor, entry, now_ms);
  const std::string hash = audit_hash(before.hash, record);
  return insert_.bind(1, seq).bind(2, record).bind_blob(3, hash).run();
}

Result<AuditLog::Last> AuditLog::last() {
  WEIR_TRY_ASSIGN(has_row, select_last_.step());
  if (!has_row) return Error(ErrorCode::store_unavailable, "the audit log has no beginning");
  Last found{select_last_.integer(0), std::string(select_last_.text(1))};
  select_last_.reset();
  return found;
}

Result<std::int64_t> AuditLog::first_seq() {
  WEIR_TRY_ASSIGN(has_row, select_first_.step());
  const std::int64_t seq = has_row ? select_first_.integer(0) : 0;
  select_first_.reset();
  return seq;
}

/// One that was a beginning goes and is no record; the new one was.
Result<std::int64_t> AuditLog::begin_at(std::int64_t seq, std::string_view hash) {
  WEIR_TRY(empty_.bind(1, seq).bind_blob(2, hash).run());
  if (database_->changes() != 1) {
    return Error(ErrorCode::invalid_request, "the audit log is not as it was signed");
  }
  WEIR_TRY(remove_.bind(1, seq).run());
  return database_->changes();
}

Result<> AuditLog::for_each(std::int64_t after, std::size_t count_max, const Visit& visit) {
  select_.bind(1, after).bind(2, static_cast<std::int64_t>(count_max));
  for (;;) {
    WEIR_TRY_ASSIGN(has_row, select_.step());
    if (!has_row) return {};
    visit(select_.integer(0), select_.text(1), select_.text(2));
  }
}

}  // namespace weir::identity
