// SPDX-License-Identifier: Apache-2.0
#include "store/database/postgres.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include <poll.h>

#include "store/database/libpq.hpp"

namespace weir::store {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// The server's own word about a statement that took too long comes before we give it up.
constexpr milliseconds answer_time{250};
/// Of all of ours in one server, to make their tables one after another: any number will do.
constexpr const char* migration_lock = "SELECT pg_advisory_xact_lock(9347)";
constexpr int binary_format = 1;

Error unavailable(std::string_view what) {
  return {ErrorCode::store_unavailable, "PostgreSQL: " + std::string(what)};
}

/// libpq's messages have line breaks in the middle and at the end.
std::string one_line(std::string_view text) {
  std::string line;
  for (const char c : text) {
    if (c != '\n') {
      line += c;
    } else if (!line.empty() && !line.ends_with("; ")) {
      line.append("; ");
    }
  }
  if (line.ends_with("; ")) line.resize(line.size() - 2);
  return line;
}

struct OptionsFree {
  void operator()(PQconninfoOption* options) const { pq().conninfoFree(options); }
};

/// False for what a password becomes that was not escaped: a part of the host, or the port. libpq
/// would repeat it.
bool is_plausible(const PQconninfoOption& option) {
  const std::string_view name = option.keyword;
  const std::string_view value = option.val;
  if (name == "host") return value.find('@') == std::string_view::npos;
  return name != "port" || value.find_first_not_of("0123456789,") == std::string_view::npos;
}

/// Starts to connect; null when `url` is none. What libpq says of such a text repeats it.
pg_conn* start(const std::string& url) {
  const std::unique_ptr<PQconninfoOption, OptionsFree> parsed(
      pq().conninfoParse(url.c_str(), nullptr));
  if (parsed == nullptr) return nullptr;
  std::vector<const char*> names;
  std::vector<const char*> values;
  for (const PQconninfoOption* option = parsed.get(); option->keyword != nullptr; ++option) {
    if (option->val == nullptr) continue;
    if (!is_plausible(*option)) return nullptr;
    names.push_back(option->keyword);
    values.push_back(option->val);
  }
  for (const auto& [name, value] : {std::pair{"client_encoding", "UTF8"},
                                    {"fallback_application_name", "weir"},
                                    {"tcp_user_timeout", "2000"}}) {
    names.push_back(name);
    values.push_back(value);
  }
  names.push_back(nullptr);
  values.push_back(nullptr);
  return pq().connectStartParams(names.data(), values.data(), 0);
}

}  // namespace

// ---- rows -----------------------------------------------------------------------------------

void PostgresRows::Clearer::operator()(pg_result* result) const { pq().clear(result); }

int PostgresRows::size() const { return pq().ntuples(result_.get()); }

std::int64_t PostgresRows::integer(int row, int column) const {
  const std::string_view bytes = text(row, column);
  if (bytes.empty()) return 0;
  // Big-endian, of 2, 4 or 8 bytes.
  const bool is_negative = (static_cast<unsigned char>(bytes.front()) & 0x80U) != 0;
  std::uint64_t value = is_negative ? ~std::uint64_t{0} : 0;
  for (const char byte : bytes) value = value << 8U | static_cast<unsigned char>(byte);
  return static_cast<std::int64_t>(value);
}

std::string_view PostgresRows::text(int row, int column) const {
  return {pq().getvalue(result_.get(), row, column),
          static_cast<std::size_t>(pq().getlength(result_.get(), row, column))};
}

std::int64_t PostgresRows::changes() const {
  const std::string_view text = pq().cmdTuples(result_.get());
  std::int64_t count = 0;
  std::from_chars(text.data(), text.data() + text.size(), count);
  return count;
}

// ---- connection -----------------------------------------------------------------------------

void PostgresDatabase::Closer::operator()(pg_conn* connection) const { pq().finish(connection); }

Result<PostgresDatabase> PostgresDatabase::open(const std::string& url) {
  WEIR_TRY(load_libpq());
  PostgresDatabase database;
  database.connection_.reset(start(url));
  if (database.connection_ == nullptr) return unavailable("the URL is not one that libpq reads");
  database.time_max_ = usual_time_max;
  pg_conn* const connection = database.connection_.get();
  // Otherwise they go to the standard error.
  pq().setNoticeProcessor(connection, [](void*, const char*) {}, nullptr);
  // No more than the first line: the others may repeat what stands in a row.
  pq().setErrorVerbosity(connection, PQERRORS_TERSE);
  WEIR_TRY(database.connect(steady_clock::now() + usual_time_max));
  if (pq().setnonblocking(connection, 1) != 0) return database.failed();
  WEIR_TRY(
      database.run_all("SET synchronous_commit = on;"
                       "SET idle_in_transaction_session_timeout = '10s'"));
  WEIR_TRY(database.set_time_max(usual_time_max));
  return database;
}

Result<> PostgresDatabase::connect(TimePoint deadline) {
  for (PostgresPollingStatusType next = PGRES_POLLING_WRITING; next != PGRES_POLLING_OK;
       next = pq().connectPoll(connection_.get())) {
    if (next == PGRES_POLLING_FAILED || pq().status(connection_.get()) == CONNECTION_BAD) {
      return failed();
    }
    WEIR_TRY(wait(next == PGRES_POLLING_WRITING, deadline));
  }
  return {};
}

Error PostgresDatabase::failed() const {
  const std::string said = one_line(pq().errorMessage(connection_.get()));
  return unavailable(said.empty() ? "the connection is lost" : said);
}

Result<> PostgresDatabase::wait(bool is_writing, TimePoint deadline) {
  const auto left =
      std::chrono::duration_cast<milliseconds>(deadline - steady_clock::now()).count();
  pollfd file{.fd = pq().socket(connection_.get()),
              .events = static_cast<short>(is_writing ? POLLIN | POLLOUT : POLLIN),
              .revents = 0};
  const int ready = left > 0 ? ::poll(&file, 1, static_cast<int>(left)) : 0;
  if (ready != 0) return {};  // also an interruption: the caller comes again
  connection_.reset();        // whatever it answers, and when, is of no use any more
  return unavailable("no answer within the time of an operation");
}

Result<> PostgresDatabase::set_time_max(milliseconds time) {
  time_max_ = time + answer_time;
  const std::string text = "SET statement_timeout = " + std::to_string(time.count());
  return run_all(text.c_str());
}

// ---- statements -----------------------------------------------------------------------------

Result<PostgresRows> PostgresDatabase::run(const char* sql,
                                           const std::vector<std::string>& parameters) {
  std::vector<const char*> values;
  for (const std::string& parameter : parameters) values.push_back(parameter.c_str());
  return finish(pq().sendQueryParams(connection_.get(), sql, static_cast<int>(values.size()),
                                     nullptr, values.data(), nullptr, nullptr, binary_format) == 1);
}

Result<> PostgresDatabase::run_all(const char* sql) {
  WEIR_TRY(finish(pq().sendQuery(connection_.get(), sql) == 1));
  return {};
}

Result<PostgresRows> PostgresDatabase::finish(bool is_sent) {
  if (connection_ == nullptr) return unavailable("the connection is over");
  if (!is_sent) return failed();
  const TimePoint deadline = steady_clock::now() + time_max_;
  for (;;) {
    const int left = pq().flush(connection_.get());
    if (left < 0) return failed();
    if (left == 0) break;
    WEIR_TRY(wait(true, deadline));
    // A server that waits for us to read reads nothing itself.
    if (pq().consumeInput(connection_.get()) == 0) return failed();
  }
  return answer(deadline);
}

Result<PostgresRows> PostgresDatabase::answer(TimePoint deadline) {
  PostgresRows rows;
  Result<> told;
  for (;;) {
    while (pq().isBusy(connection_.get()) == 1) {
      WEIR_TRY(wait(false, deadline));
      if (pq().consumeInput(connection_.get()) == 0) return failed();
    }
    pg_result* const result = pq().getResult(connection_.get());
    if (result == nullptr) break;
    rows.result_.reset(result);
    const ExecStatusType status = pq().resultStatus(result);
    const bool is_good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
    if (told && !is_good) told = unavailable(one_line(pq().resultErrorMessage(result)));
  }
  WEIR_TRY(std::move(told));
  return rows;
}

Result<> PostgresDatabase::migrate(const std::string& part, PostgresSchema schema) {
  const auto newest = static_cast<std::int64_t>(schema.size());
  WEIR_TRY_ASSIGN(transaction, PostgresTransaction::begin(*this));
  WEIR_TRY(run(migration_lock));
  // Who may use the schema need not be allowed to make one.
  WEIR_TRY_ASSIGN(made, run("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = 'weir'"));
  if (made.size() == 0) WEIR_TRY(run("CREATE SCHEMA weir"));
  WEIR_TRY_ASSIGN(table, run("SELECT 1 WHERE to_regclass('weir.versions') IS NOT NULL"));
  if (table.size() == 0) {
    WEIR_TRY(run("CREATE TABLE weir.versions(part text PRIMARY KEY, version bigint NOT NULL)"));
  }
  WEIR_TRY_ASSIGN(found, run("SELECT version FROM weir.versions WHERE part = $1", {part}));
  const std::int64_t version = found.size() == 0 ? 0 : found.integer(0, 0);
  if (version > newest) return unavailable("the tables were made by a later version of Weir");
  if (version == newest) return {};
  for (const char* const step : schema.subspan(static_cast<std::size_t>(version))) {
    WEIR_TRY(run_all(step));
  }
  WEIR_TRY(
      run("INSERT INTO weir.versions(part, version) VALUES($1, $2) "
          "ON CONFLICT (part) DO UPDATE SET version = excluded.version",
          {part, std::to_string(newest)}));
  return transaction.commit();
}

// ---- transactions ---------------------------------------------------------------------------

Result<PostgresTransaction> PostgresTransaction::begin(PostgresDatabase& database) {
  WEIR_TRY(database.run_all("BEGIN"));
  return PostgresTransaction(database);
}

Result<PostgresTransaction> PostgresTransaction::begin_reading(PostgresDatabase& database) {
  WEIR_TRY(database.run_all("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"));
  return PostgresTransaction(database);
}

PostgresTransaction::PostgresTransaction(PostgresTransaction&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)) {}

PostgresTransaction::~PostgresTransaction() {
  if (database_ == nullptr) return;
  const Result<> undone = database_->run_all("ROLLBACK");
  static_cast<void>(undone);  // a connection that is lost took it along
}

Result<> PostgresTransaction::commit() {
  WEIR_TRY(database_->run_all("COMMIT"));
  database_ = nullptr;
  return {};
}

}  // namespace weir::store
