// SPDX-License-Identifier: Apache-2.0
#include "usage/sqlite_store.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "usage/call_places.hpp"
#include "usage/series.hpp"

namespace weir::usage {
namespace {

/// Lengths of time as they stand in the file.
constexpr std::int64_t hours = 0;
constexpr std::int64_t days = 1;
constexpr std::int64_t forgotten_at_once = 5'000;

constexpr const char* schema[] = {R"sql(
CREATE TABLE IF NOT EXISTS position(id INTEGER PRIMARY KEY CHECK(id = 1), text TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS series(id INTEGER PRIMARY KEY, labels BLOB NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS sums(
  slot INTEGER NOT NULL,
  start_ms INTEGER NOT NULL,
  series INTEGER NOT NULL,
  figures BLOB NOT NULL,
  PRIMARY KEY(slot, start_ms, series)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS calls(
  request_id TEXT PRIMARY KEY,
  ended_ms INTEGER NOT NULL,
  segment INTEGER NOT NULL,
  offset INTEGER NOT NULL) WITHOUT ROWID;
)sql",
                                  R"sql(
CREATE TABLE IF NOT EXISTS windows(
  id TEXT PRIMARY KEY,
  requests INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  nanousd INTEGER NOT NULL,
  ended_ms INTEGER NOT NULL) WITHOUT ROWID;
)sql",
                                  // The id is that of a span and the row's number in it. `calls` is
                                  // where earlier versions noted each call by itself.
                                  R"sql(
CREATE TABLE places(id INTEGER PRIMARY KEY, calls BLOB NOT NULL);
)sql"};

// The names of series stay: others who have the file open remember them.
constexpr const char* clearing =
    "DELETE FROM sums; DELETE FROM calls; DELETE FROM places; DELETE FROM windows; "
    "DELETE FROM position;";

constexpr int row_bits = 20;
constexpr std::int64_t rows_max = std::int64_t{1} << row_bits;
constexpr std::int64_t first_row_of(std::int64_t span) { return span * rows_max; }
constexpr std::int64_t last_row_of(std::int64_t span) { return first_row_of(span) + rows_max - 1; }

}  // namespace

Result<std::unique_ptr<Store>> SqliteStore::open(const std::string& path) {
  WEIR_TRY_ASSIGN(database, store::SqliteDatabase::open(path, schema));
  std::unique_ptr<SqliteStore> store(new SqliteStore(std::move(database)));
  WEIR_TRY(store->prepare());
  return std::unique_ptr<Store>(std::move(store));
}

Result<> SqliteStore::prepare() {
  return database_.prepare({
      {get_position_, "SELECT text FROM position WHERE id = 1"},
      {set_position_,
       "INSERT INTO position(id, text) VALUES(1, ?) ON CONFLICT DO UPDATE SET text = "
       "excluded.text"},
      {list_places_, "SELECT id, calls FROM places WHERE id BETWEEN ? AND ? ORDER BY id"},
      {add_places_, "INSERT INTO places(id, calls) VALUES(?, ?)"},
      {forget_places_,
       "DELETE FROM places WHERE id IN (SELECT id FROM places WHERE id < ? ORDER BY id LIMIT ?)"},
      {find_call_, "SELECT segment, offset FROM calls WHERE request_id = ?"},
      {add_series_,
       "INSERT INTO series(labels) VALUES(?) ON CONFLICT DO UPDATE SET labels = excluded.labels "
       "RETURNING id"},
      {list_series_, "SELECT id, labels FROM series WHERE id > ? ORDER BY id"},
      {get_sums_, "SELECT figures FROM sums WHERE slot = ? AND start_ms = ? AND series = ?"},
      {set_sums_,
       "INSERT INTO sums(slot, start_ms, series, figures) VALUES(?, ?, ?, ?) "
       "ON CONFLICT DO UPDATE SET figures = excluded.figures"},
      {list_sums_,
       "SELECT start_ms, series, figures FROM sums WHERE slot = ? AND start_ms >= ? AND start_ms "
       "< ? ORDER BY start_ms, series"},
      {add_window_,
       "INSERT INTO windows(id, requests, input_tokens, output_tokens, nanousd, ended_ms) "
       "VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
       "requests = requests + excluded.requests, "
       "input_tokens = input_tokens + excluded.input_tokens, "
       "output_tokens = output_tokens + excluded.output_tokens, "
       "nanousd = nanousd + excluded.nanousd, ended_ms = max(ended_ms, excluded.ended_ms)"},
      {get_window_,
       "SELECT requests, input_tokens, output_tokens, nanousd FROM windows WHERE id = ?"},
      {forget_windows_,
       "DELETE FROM windows WHERE id IN (SELECT id FROM windows WHERE ended_ms < ? AND id NOT LIKE "
       "'%:total' LIMIT ?)"},
      {forget_sums_,
       "DELETE FROM sums WHERE slot = 0 AND (start_ms, series) IN (SELECT start_ms, series FROM "
       "sums WHERE slot = 0 AND start_ms < ? ORDER BY start_ms LIMIT ?)"},
      {forget_calls_,
       // Ids sort by time.
       "DELETE FROM calls WHERE ended_ms < ?1 AND request_id IN (SELECT request_id FROM calls "
       "ORDER BY request_id LIMIT ?2)"},
  });
}

// ---- adding ---------------------------------------------------------------------------------

Result<std::string> SqliteStore::position_text() {
  WEIR_TRY_ASSIGN(has_row, get_position_.step());
  std::string text(has_row ? get_position_.text(0) : std::string_view());
  get_position_.reset();
  return text;
}

Result<ledger::Position> SqliteStore::position() {
  WEIR_TRY_ASSIGN(text, position_text());
  if (text.empty()) return ledger::Position{};
  const auto position = ledger::Position::parse(text);
  if (!position) return damaged_sums();
  return *position;
}

void SqliteStore::begin(const ledger::Position& from) {
  if (from != from_) passed_over_.clear();
  from_ = from;
  taken_.clear();
  rollup_ = Rollup();
  ended_ms_ = 0;
}

/// Folds it at once: it was read a moment ago, and it isn't kept.
void SqliteStore::take(const ledger::CallRecord& call, const ledger::Place& place,
                       const Alternatives& alternatives) {
  if (!passed_over_.empty() && passed_over_.contains({place.segment, place.offset})) return;
  const std::string_view id = call.request_id;
  taken_.push_back({span_of(id), digest_of(id), taken_.size(), place});
  rollup_.add(call, alternatives);
  ended_ms_ = std::max(ended_ms_, call.ended_ms);
}

Result<Store::Added> SqliteStore::commit(const ledger::Position& to) {
  WEIR_TRY_ASSIGN(transaction, store::SqliteTransaction::begin(database_));
  WEIR_TRY_ASSIGN(current, position());
  if (current != from_) return Added::none;
  const std::size_t passed_over = passed_over_.size();
  WEIR_TRY(add_places());
  if (passed_over_.size() != passed_over) return Added::none_yet;
  WEIR_TRY(add_sums());
  WEIR_TRY(add_windows());
  const std::string text = to.text();
  WEIR_TRY(set_position_.bind(1, std::string_view(text)).run());
  WEIR_TRY(transaction.commit());
  return Added::all;
}

void SqliteStore::pass_over(const TakenCall& call) {
  passed_over_.emplace(call.place.segment, call.place.offset);
}

/// Notes where they stand, or finds out which are to be passed over.
Result<> SqliteStore::add_places() {
  std::sort(taken_.begin(), taken_.end(), [](const TakenCall& a, const TakenCall& b) {
    return std::tuple(a.span, a.digest, a.number) < std::tuple(b.span, b.digest, b.number);
  });
  const std::size_t passed_over = passed_over_.size();
  for (std::size_t i = 1; i < taken_.size(); ++i) {
    // Of one that came twice the first stays.
    const TakenCall& before = taken_[i - 1];
    const bool repeats = taken_[i].span == before.span && taken_[i].digest == before.digest;
    if (repeats) pass_over(taken_[i]);
  }
  if (passed_over_.size() != passed_over) return {};
  for (auto first = taken_.begin(); first != taken_.end();) {
    const auto last =
        std::find_if(first, taken_.end(),
                     [span = first->span](const TakenCall& call) { return call.span != span; });
    WEIR_TRY(add_to_span({first, last}));
    first = last;
  }
  return {};
}

/// Where some are known, nothing of this stays.
Result<> SqliteStore::add_to_span(std::span<const TakenCall> calls) {
  WEIR_TRY_ASSIGN(row, find_known(calls));
  std::vector<CallPlace> places;
  places.reserve(calls.size());
  for (const TakenCall& call : calls) places.push_back({call.digest, call.place});
  const std::string bytes = encode_places(places);
  return add_places_.bind(1, row).bind_blob(2, bytes).run();
}

/// Passes over those that a row of their span has already. The id that the next row gets.
Result<std::int64_t> SqliteStore::find_known(std::span<const TakenCall> calls) {
  const std::int64_t span = calls.front().span;
  std::int64_t next_row = first_row_of(span);
  bool is_sound = true;
  list_places_.bind(1, next_row).bind(2, last_row_of(span));
  for (;;) {
    WEIR_TRY_ASSIGN(has_row, list_places_.step());
    if (!has_row) break;
    next_row = list_places_.integer(0) + 1;
    const auto row = PlacesRow::read(list_places_.text(1));
    is_sound = row.has_value();
    if (!is_sound) break;
    // Which of two is less is as good as thrown, so no branch is to depend on it.
    for (std::size_t i = 0, j = 0; i < calls.size() && j < row->size();) {
      const std::uint64_t known = row->digest(j);
      const std::uint64_t digest = calls[i].digest;
      if (known == digest) pass_over(calls[i]);
      const std::size_t is_less = known < digest ? 1 : 0;
      j += is_less;
      i += 1 - is_less;
    }
  }
  list_places_.reset();
  if (!is_sound) return damaged_sums();
  return next_row;
}

Result<> SqliteStore::add_sums() {
  WEIR_TRY(load_series());
  std::map<std::pair<std::int64_t, std::int64_t>, Figures> of_days;  // by start and series
  for (const auto& [key, figures] : rollup_.sums()) {
    WEIR_TRY_ASSIGN(series, series_of(key.labels));
    WEIR_TRY(merge(hours, key.hour_start_ms, series, figures));
    of_days[{key.hour_start_ms - key.hour_start_ms % day_ms, series}] += figures;
  }
  for (const auto& [key, figures] : of_days) {
    WEIR_TRY(merge(days, key.first, key.second, figures));
  }
  return {};
}

Result<> SqliteStore::add_windows() {
  for (const auto& [id, use] : rollup_.windows()) {
    add_window_.bind(1, std::string_view(id)).bind(2, use.requests).bind(3, use.input_tokens);
    add_window_.bind(4, use.output_tokens).bind(5, use.nanousd).bind(6, ended_ms_);
    WEIR_TRY(add_window_.run());
  }
  return {};
}

Result<std::int64_t> SqliteStore::series_of(const Labels& labels) {
  if (const auto known = ids_.find(labels); known != ids_.end()) return known->second;
  const std::string bytes = encode_labels(labels);
  WEIR_TRY_ASSIGN(has_row, add_series_.bind_blob(1, bytes).step());
  const std::int64_t id = has_row ? add_series_.integer(0) : 0;
  add_series_.reset();
  // Not remembered yet: the transaction may be undone.
  return id;
}

Result<> SqliteStore::merge(std::int64_t slot, std::int64_t start_ms, std::int64_t series,
                            const Figures& figures) {
  get_sums_.bind(1, slot).bind(2, start_ms).bind(3, series);
  WEIR_TRY_ASSIGN(has_row, get_sums_.step());
  Figures sum;
  const bool is_sound = !has_row || sum.decode(get_sums_.text(0), true);
  get_sums_.reset();
  if (!is_sound) return damaged_sums();
  sum += figures;
  std::string bytes;
  sum.encode(bytes);
  set_sums_.bind(1, slot).bind(2, start_ms).bind(3, series);
  return set_sums_.bind_blob(4, bytes).run();
}

Result<> SqliteStore::clear() {
  WEIR_TRY_ASSIGN(transaction, store::SqliteTransaction::begin(database_));
  WEIR_TRY(database_.run(clearing));
  return transaction.commit();
}

Result<Store::Forgotten> SqliteStore::forget(std::int64_t before_ms) {
  WEIR_TRY_ASSIGN(transaction, store::SqliteTransaction::begin(database_));
  Forgotten all;
  const auto forget_from = [&](store::SqliteStatement& statement, std::int64_t before) -> Result<> {
    WEIR_TRY(statement.bind(1, before).bind(2, forgotten_at_once).run());
    all.rows += database_.changes();
    all.may_be_more = all.may_be_more || database_.changes() == forgotten_at_once;
    return {};
  };
  WEIR_TRY(forget_from(forget_sums_, before_ms));
  WEIR_TRY(forget_from(forget_calls_, before_ms));
  WEIR_TRY(forget_from(forget_places_, first_row_of(span_at(before_ms))));
  WEIR_TRY(forget_from(forget_windows_, before_ms));
  WEIR_TRY(transaction.commit());
  return all;
}

// ---- reading --------------------------------------------------------------------------------

Result<std::optional<ledger::Place>> SqliteStore::find(std::string_view request_id) {
  const std::int64_t span = span_of(request_id);
  const std::uint64_t digest = digest_of(request_id);
  list_places_.bind(1, first_row_of(span)).bind(2, last_row_of(span));
  for (;;) {
    WEIR_TRY_ASSIGN(has_row, list_places_.step());
    if (!has_row) return find_call(request_id);
    const auto row = PlacesRow::read(list_places_.text(1));
    const auto place = row ? row->find(digest) : std::nullopt;
    if (!place) continue;
    list_places_.reset();
    return place;
  }
}

/// Where an earlier version noted it.
Result<std::optional<ledger::Place>> SqliteStore::find_call(std::string_view request_id) {
  WEIR_TRY_ASSIGN(has_row, find_call_.bind(1, request_id).step());
  std::optional<ledger::Place> place;
  if (has_row) {
    place = ledger::Place{static_cast<std::uint64_t>(find_call_.integer(0)),
                          static_cast<std::uint64_t>(find_call_.integer(1))};
  }
  find_call_.reset();
  return place;
}

Result<Store::WindowUses> SqliteStore::used(const std::vector<std::string>& windows) {
  WindowUses uses;
  for (const std::string& window : windows) {
    WEIR_TRY_ASSIGN(has_row, get_window_.bind(1, std::string_view(window)).step());
    if (has_row) {
      uses[window] = policy::WindowUse{.requests = get_window_.integer(0),
                                       .input_tokens = get_window_.integer(1),
                                       .output_tokens = get_window_.integer(2),
                                       .nanousd = get_window_.integer(3)};
    }
    get_window_.reset();
  }
  return uses;
}

Result<> SqliteStore::load_series() {
  const std::int64_t last = series_.empty() ? 0 : series_.rbegin()->first;
  list_series_.bind(1, last);
  for (;;) {
    WEIR_TRY_ASSIGN(has_row, list_series_.step());
    if (!has_row) break;
    auto labels = decode_labels(list_series_.text(1));
    if (!labels) return damaged_sums();
    ids_.emplace(*labels, list_series_.integer(0));
    series_.emplace(list_series_.integer(0), *std::move(labels));
  }
  list_series_.reset();
  return {};
}

Result<> SqliteStore::read(bool by_day, std::int64_t from_ms, std::int64_t before_ms,
                           const ReadSums& read) {
  WEIR_TRY(load_series());
  list_sums_.bind(1, by_day ? days : hours).bind(2, from_ms).bind(3, before_ms);
  for (;;) {
    WEIR_TRY_ASSIGN(has_row, list_sums_.step());
    if (!has_row) break;
    auto labels = series_.find(list_sums_.integer(1));
    if (labels == series_.end()) {
      WEIR_TRY(load_series());  // it came meanwhile
      labels = series_.find(list_sums_.integer(1));
      if (labels == series_.end()) return damaged_sums();
    }
    read({list_sums_.integer(0), &labels->second, list_sums_.text(2)});
  }
  list_sums_.reset();
  return {};
}

}  // namespace weir::usage
