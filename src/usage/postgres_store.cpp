// SPDX-License-Identifier: Apache-2.0
#include "usage/postgres_store.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/base64.hpp"
#include "base/utf8.hpp"
#include "json/writer.hpp"
#include "usage/series.hpp"

namespace weir::usage {
namespace {

/// Lengths of time as they stand in the tables.
constexpr std::int64_t hours = 0;
constexpr std::int64_t days = 1;
constexpr std::int64_t forgotten_at_once = 5'000;
constexpr int rows_at_once = 10'000;
constexpr std::chrono::minutes clearing_time_max{10};

// Labels can be longer than an index takes, so their hash stands in its place.
constexpr const char* schema[] = {R"sql(
CREATE TABLE weir.positions(ledger text PRIMARY KEY, position text NOT NULL);
CREATE TABLE weir.series(
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  labels bytea NOT NULL);
CREATE UNIQUE INDEX series_labels ON weir.series(sha256(labels));
CREATE TABLE weir.sums(
  slot smallint NOT NULL,
  start_ms bigint NOT NULL,
  series bigint NOT NULL,
  ledger text NOT NULL,
  figures bytea NOT NULL,
  PRIMARY KEY(slot, start_ms, series, ledger));
CREATE TABLE weir.windows(
  id text NOT NULL,
  ledger text NOT NULL,
  requests bigint NOT NULL,
  input_tokens bigint NOT NULL,
  output_tokens bigint NOT NULL,
  nanousd bigint NOT NULL,
  ended_ms bigint NOT NULL,
  PRIMARY KEY(id, ledger));
CREATE TABLE weir.calls(
  request_id text PRIMARY KEY,
  ledger text NOT NULL,
  segment bigint NOT NULL,
  "offset" bigint NOT NULL,
  started_at timestamptz NOT NULL,
  ended_at timestamptz NOT NULL,
  duration_ms bigint NOT NULL,
  first_content_ms bigint,
  client_key text NOT NULL,
  user_name text NOT NULL,
  team text NOT NULL,
  tags text[] NOT NULL,
  task text NOT NULL,
  endpoint text NOT NULL,
  model text NOT NULL,
  route text NOT NULL,
  target text NOT NULL,
  provider text NOT NULL,
  outcome text NOT NULL,
  error text NOT NULL,
  attempts bigint NOT NULL,
  input_tokens bigint NOT NULL,
  cache_read_tokens bigint NOT NULL,
  cache_write_tokens bigint NOT NULL,
  output_tokens bigint NOT NULL,
  reasoning_tokens bigint NOT NULL,
  cost_nanousd bigint NOT NULL,
  exposure_nanousd bigint NOT NULL);
CREATE INDEX calls_ended_at ON weir.calls(ended_at);
CREATE TABLE weir.attempts(
  request_id text NOT NULL REFERENCES weir.calls ON DELETE CASCADE,
  number bigint NOT NULL,
  started_at timestamptz NOT NULL,
  duration_ms bigint,
  target text NOT NULL,
  provider text NOT NULL,
  model text NOT NULL,
  failure text NOT NULL,
  input_tokens bigint NOT NULL,
  cache_read_tokens bigint NOT NULL,
  cache_write_tokens bigint NOT NULL,
  output_tokens bigint NOT NULL,
  reasoning_tokens bigint NOT NULL,
  cost_nanousd bigint NOT NULL,
  exposure_nanousd bigint NOT NULL,
  PRIMARY KEY(request_id, number));
)sql",
                                  R"sql(
ALTER TABLE weir.calls ADD COLUMN organisation text NOT NULL DEFAULT '';
)sql"};

constexpr const char* insert_calls = R"sql(
INSERT INTO weir.calls(request_id, ledger, segment, "offset", started_at, ended_at, duration_ms,
  first_content_ms, client_key, user_name, team, tags, task, endpoint, model, route, target,
  provider, outcome, error, attempts, input_tokens, cache_read_tokens, cache_write_tokens,
  output_tokens, reasoning_tokens, cost_nanousd, exposure_nanousd, organisation)
SELECT request_id, $1, segment, "offset", to_timestamp(started_ms / 1000.0),
  to_timestamp(ended_ms / 1000.0), ended_ms - started_ms, nullif(first_content_ms, 0), client_key,
  user_name, team, tags, task, endpoint, model, route, target, provider, outcome, error, attempts,
  input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens,
  cost_nanousd, exposure_nanousd, organisation
FROM json_to_recordset($2::json) AS row(request_id text, segment bigint, "offset" bigint,
  started_ms bigint, ended_ms bigint, first_content_ms bigint, client_key text, user_name text,
  team text, tags text[], task text, endpoint text, model text, route text, target text,
  provider text, outcome text, error text, attempts bigint, input_tokens bigint,
  cache_read_tokens bigint, cache_write_tokens bigint, output_tokens bigint,
  reasoning_tokens bigint, cost_nanousd bigint, exposure_nanousd bigint, organisation text)
ON CONFLICT DO NOTHING RETURNING request_id)sql";

constexpr const char* insert_attempts = R"sql(
INSERT INTO weir.attempts(request_id, number, started_at, duration_ms, target, provider, model,
  failure, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens,
  cost_nanousd, exposure_nanousd)
SELECT request_id, number, to_timestamp(started_ms / 1000.0), nullif(ended_ms, 0) - started_ms,
  target, provider, model, failure, input_tokens, cache_read_tokens, cache_write_tokens,
  output_tokens, reasoning_tokens, cost_nanousd, exposure_nanousd
FROM json_to_recordset($1::json) AS row(request_id text, number bigint, started_ms bigint,
  ended_ms bigint, target text, provider text, model text, failure text, input_tokens bigint,
  cache_read_tokens bigint, cache_write_tokens bigint, output_tokens bigint,
  reasoning_tokens bigint, cost_nanousd bigint, exposure_nanousd bigint)
ON CONFLICT DO NOTHING)sql";

// In one order for all, so that two that add the same names never wait for each other.
constexpr const char* insert_series = R"sql(
INSERT INTO weir.series(labels)
SELECT decode(value, 'base64') FROM json_array_elements_text($1::json) ORDER BY 1
ON CONFLICT DO NOTHING)sql";

constexpr const char* find_series = R"sql(
SELECT series.id, series.labels
FROM json_array_elements_text($1::json) JOIN weir.series
  ON sha256(series.labels) = sha256(decode(value, 'base64')))sql";

constexpr const char* name_series = R"sql(
SELECT id, labels FROM weir.series
WHERE id IN (SELECT value::bigint FROM json_array_elements_text($1::json)))sql";

constexpr const char* get_sums = R"sql(
SELECT slot, start_ms, series, figures
FROM json_to_recordset($2::json) AS row(slot smallint, start_ms bigint, series bigint)
JOIN weir.sums USING (slot, start_ms, series) WHERE ledger = $1)sql";

constexpr const char* set_sums = R"sql(
INSERT INTO weir.sums(slot, start_ms, series, ledger, figures)
SELECT slot, start_ms, series, $1, decode(figures, 'base64')
FROM json_to_recordset($2::json)
  AS row(slot smallint, start_ms bigint, series bigint, figures text)
ON CONFLICT (slot, start_ms, series, ledger) DO UPDATE SET figures = excluded.figures)sql";

constexpr const char* list_sums = R"sql(
SELECT start_ms, series, ledger, figures FROM weir.sums
WHERE slot = $1 AND (start_ms, series, ledger) > ($2, $3, $4) AND start_ms < $5
ORDER BY start_ms, series, ledger LIMIT $6)sql";

constexpr const char* add_to_windows = R"sql(
INSERT INTO weir.windows(id, ledger, requests, input_tokens, output_tokens, nanousd, ended_ms)
SELECT id, $1, requests, input_tokens, output_tokens, nanousd, ended_ms
FROM json_to_recordset($2::json) AS row(id text, requests bigint, input_tokens bigint,
  output_tokens bigint, nanousd bigint, ended_ms bigint)
ON CONFLICT (id, ledger) DO UPDATE SET
  requests = windows.requests + excluded.requests,
  input_tokens = windows.input_tokens + excluded.input_tokens,
  output_tokens = windows.output_tokens + excluded.output_tokens,
  nanousd = windows.nanousd + excluded.nanousd,
  ended_ms = greatest(windows.ended_ms, excluded.ended_ms))sql";

constexpr const char* get_windows = R"sql(
SELECT id, sum(requests)::bigint, sum(input_tokens)::bigint, sum(output_tokens)::bigint,
  sum(nanousd)::bigint
FROM weir.windows WHERE id IN (SELECT json_array_elements_text($1::json)) GROUP BY id)sql";

// The names of series stay: others have sums of the same.
constexpr const char* clearing[] = {
    "DELETE FROM weir.sums WHERE ledger = $1", "DELETE FROM weir.calls WHERE ledger = $1",
    "DELETE FROM weir.windows WHERE ledger = $1", "DELETE FROM weir.positions WHERE ledger = $1"};

constexpr const char* forgetting[] = {
    "DELETE FROM weir.sums WHERE ctid = ANY(ARRAY(SELECT ctid FROM weir.sums "
    "WHERE slot = 0 AND start_ms < $2 AND ledger = $1 LIMIT $3))",
    "DELETE FROM weir.calls WHERE ctid = ANY(ARRAY(SELECT ctid FROM weir.calls "
    "WHERE ended_at < to_timestamp($2 / 1000.0) AND ledger = $1 LIMIT $3))",
    "DELETE FROM weir.windows WHERE ctid = ANY(ARRAY(SELECT ctid FROM weir.windows "
    "WHERE ended_ms < $2 AND id NOT LIKE '%:total' AND ledger = $1 LIMIT $3))"};

/// What PostgreSQL takes for text: UTF-8 without zeros.
std::string clean(std::string_view text) {
  std::string out;
  for (;;) {
    const std::size_t valid = valid_utf8_prefix(text);
    out.append(text.substr(0, valid));
    if (valid == text.size()) break;
    out += '?';
    text.remove_prefix(valid + 1);
  }
  std::replace(out.begin(), out.end(), '\0', '?');
  return out;
}

void append_usage(json::Writer& json, const wire::Usage& usage) {
  json.member("input_tokens", usage.input).member("cache_read_tokens", usage.input_cache_read);
  json.member("cache_write_tokens", usage.input_cache_write + usage.input_cache_write_1h);
  json.member("output_tokens", usage.output).member("reasoning_tokens", usage.output_reasoning);
}

void append_call(json::Writer& json, const ledger::CallRecord& call, const ledger::Place& place) {
  const auto text = [&json](std::string_view name, std::string_view value) {
    json.member(name, clean(value));
  };
  json.begin_object().member("segment", static_cast<std::int64_t>(place.segment));
  json.member("offset", static_cast<std::int64_t>(place.offset));
  text("request_id", call.request_id);
  json.member("started_ms", call.started_ms).member("ended_ms", call.ended_ms);
  json.member("first_content_ms", call.first_content_ms);
  text("client_key", call.key);
  text("user_name", call.user);
  text("team", call.team);
  text("organisation", call.organisation);
  json.key("tags").begin_array();
  for (const std::string& tag : call.tags) json.string(clean(tag));
  json.end_array();
  text("task", call.task);
  text("endpoint", call.endpoint);
  text("model", call.model);
  text("route", call.route);
  text("target", call.target);
  text("provider", call.provider);
  text("outcome", ledger::name(call.outcome));
  text("error", call.error);
  json.member("attempts", static_cast<std::int64_t>(call.attempts.size()));
  append_usage(json, call.usage);
  json.member("cost_nanousd", call.cost_nanousd).member("exposure_nanousd", call.exposure_nanousd);
  json.end_object();
}

void append_attempt(json::Writer& json, const std::string& request_id,
                    const ledger::AttemptRecord& attempt) {
  json.begin_object().member("request_id", request_id).member("number", attempt.number);
  json.member("started_ms", attempt.started_ms).member("ended_ms", attempt.ended_ms);
  json.member("target", clean(attempt.target));
  json.member("provider", clean(attempt.provider));
  json.member("model", clean(attempt.model));
  json.member("failure", clean(attempt.failure));
  append_usage(json, attempt.usage);
  json.member("cost_nanousd", attempt.cost_nanousd);
  json.member("exposure_nanousd", attempt.exposure_nanousd).end_object();
}

}  // namespace

Result<std::unique_ptr<Store>> PostgresStore::open(const std::string& url, std::string ledger) {
  WEIR_TRY_ASSIGN(database, store::PostgresDatabase::open(url));
  WEIR_TRY(database.migrate("usage", schema));
  std::unique_ptr<Store> store(new PostgresStore(std::move(database), std::move(ledger)));
  return store;
}

/// Runs what concerns this ledger alone, whose id is $1.
Result<store::PostgresRows> PostgresStore::change(const char* sql,
                                                  std::vector<std::string> parameters) {
  parameters.insert(parameters.begin(), ledger_);
  return database_.run(sql, parameters);
}

// ---- adding ---------------------------------------------------------------------------------

Result<ledger::Position> PostgresStore::position() {
  WEIR_TRY_ASSIGN(rows, change("SELECT position FROM weir.positions WHERE ledger = $1"));
  if (rows.size() == 0) return ledger::Position{};
  const auto position = ledger::Position::parse(rows.text(0, 0));
  if (!position) return damaged_sums();
  return *position;
}

void PostgresStore::begin(const ledger::Position& from) {
  from_ = from;
  taken_.clear();
}

void PostgresStore::take(const ledger::CallRecord& call, const ledger::Place& place,
                         const Alternatives& alternatives) {
  taken_.push_back({call, place, alternatives});
}

Result<Store::Added> PostgresStore::commit(const ledger::Position& to) {
  WEIR_TRY_ASSIGN(transaction, store::PostgresTransaction::begin(database_));
  // From here on others that read the same ledger wait.
  WEIR_TRY(
      change("INSERT INTO weir.positions(ledger, position) VALUES($1, $2) "
             "ON CONFLICT (ledger) DO UPDATE SET position = positions.position",
             {ledger::Position().text()}));
  WEIR_TRY_ASSIGN(current, position());
  if (current != from_) return Added::none;
  WEIR_TRY_ASSIGN(added, add_calls());
  Rollup rollup;
  std::vector<const ledger::CallRecord*> calls;
  std::int64_t ended_ms = 0;
  for (const TakenCall& one : taken_) {
    ended_ms = std::max(ended_ms, one.call.ended_ms);
    if (added.erase(clean(one.call.request_id)) == 0) continue;
    rollup.add(one.call, one.alternatives);
    calls.push_back(&one.call);
  }
  WEIR_TRY(add_attempts(calls));
  WEIR_TRY_ASSIGN(series, series_of(rollup));
  std::map<SumKey, Figures> sums;
  for (const auto& [key, figures] : rollup.sums()) {
    const auto id = series.find(key.labels);
    if (id == series.end()) return damaged_sums();
    sums[{hours, key.hour_start_ms, id->second}] += figures;
    sums[{days, key.hour_start_ms - key.hour_start_ms % day_ms, id->second}] += figures;
  }
  WEIR_TRY(merge(std::move(sums)));
  WEIR_TRY(add_windows(rollup, ended_ms));
  WEIR_TRY(change("UPDATE weir.positions SET position = $2 WHERE ledger = $1", {to.text()}));
  WEIR_TRY(transaction.commit());
  return Added::all;
}

Result<std::set<std::string, std::less<>>> PostgresStore::add_calls() {
  std::string rows;
  json::Writer json(rows);
  json.begin_array();
  for (const TakenCall& one : taken_) append_call(json, one.call, one.place);
  json.end_array();
  WEIR_TRY_ASSIGN(inserted, change(insert_calls, {std::move(rows)}));
  std::set<std::string, std::less<>> added;
  for (int row = 0; row < inserted.size(); ++row) added.emplace(inserted.text(row, 0));
  return added;
}

Result<> PostgresStore::add_attempts(const std::vector<const ledger::CallRecord*>& calls) {
  std::string rows;
  json::Writer json(rows);
  json.begin_array();
  for (const ledger::CallRecord* call : calls) {
    const std::string id = clean(call->request_id);
    for (const ledger::AttemptRecord& attempt : call->attempts) append_attempt(json, id, attempt);
  }
  json.end_array();
  WEIR_TRY(database_.run(insert_attempts, {std::move(rows)}));
  return {};
}

Result<PostgresStore::SeriesIds> PostgresStore::series_of(const Rollup& rollup) {
  std::set<std::string> names;
  for (const auto& [key, figures] : rollup.sums()) {
    names.insert(base64_encode(encode_labels(key.labels)));
  }
  std::string list;
  json::Writer json(list);
  json.begin_array();
  for (const std::string& name : names) json.string(name);
  json.end_array();
  WEIR_TRY(database_.run(insert_series, {list}));
  WEIR_TRY_ASSIGN(found, database_.run(find_series, {list}));
  SeriesIds ids;
  for (int row = 0; row < found.size(); ++row) {
    auto labels = decode_labels(found.text(row, 1));
    if (!labels) return damaged_sums();
    ids.emplace(*std::move(labels), found.integer(row, 0));
  }
  return ids;
}

/// Nobody else adds to these: they are this ledger's, whose position is held.
Result<> PostgresStore::merge(std::map<SumKey, Figures> sums) {
  const auto listed = [&sums](bool with_figures) {
    std::string rows;
    json::Writer json(rows);
    json.begin_array();
    for (const auto& [key, figures] : sums) {
      json.begin_object().member("slot", key.slot).member("start_ms", key.start_ms);
      json.member("series", key.series);
      if (with_figures) {
        std::string bytes;
        figures.encode(bytes);
        json.member("figures", base64_encode(bytes));
      }
      json.end_object();
    }
    json.end_array();
    return rows;
  };
  WEIR_TRY_ASSIGN(before, change(get_sums, {listed(false)}));
  for (int row = 0; row < before.size(); ++row) {
    const SumKey key{before.integer(row, 0), before.integer(row, 1), before.integer(row, 2)};
    Figures figures;
    if (!figures.decode(before.text(row, 3), true)) return damaged_sums();
    sums[key] += figures;
  }
  WEIR_TRY(change(set_sums, {listed(true)}));
  return {};
}

Result<> PostgresStore::add_windows(const Rollup& rollup, std::int64_t ended_ms) {
  std::map<std::string, policy::WindowUse> windows;
  for (const auto& [id, use] : rollup.windows()) {
    policy::WindowUse& sum = windows[clean(id)];
    sum.requests += use.requests;
    sum.input_tokens += use.input_tokens;
    sum.output_tokens += use.output_tokens;
    sum.nanousd += use.nanousd;
  }
  std::string rows;
  json::Writer json(rows);
  json.begin_array();
  for (const auto& [id, use] : windows) {
    json.begin_object().member("id", id).member("requests", use.requests);
    json.member("input_tokens", use.input_tokens).member("output_tokens", use.output_tokens);
    json.member("nanousd", use.nanousd).member("ended_ms", ended_ms).end_object();
  }
  json.end_array();
  WEIR_TRY(change(add_to_windows, {std::move(rows)}));
  return {};
}

Result<> PostgresStore::clear() {
  WEIR_TRY(database_.set_time_max(clearing_time_max));
  WEIR_TRY_ASSIGN(transaction, store::PostgresTransaction::begin(database_));
  for (const char* const sql : clearing) WEIR_TRY(change(sql));
  WEIR_TRY(transaction.commit());
  return database_.set_time_max(store::PostgresDatabase::usual_time_max);
}

Result<Store::Forgotten> PostgresStore::forget(std::int64_t before_ms) {
  Forgotten all;
  for (const char* const sql : forgetting) {
    WEIR_TRY_ASSIGN(forgotten,
                    change(sql, {std::to_string(before_ms), std::to_string(forgotten_at_once)}));
    all.rows += forgotten.changes();
    all.may_be_more = all.may_be_more || forgotten.changes() == forgotten_at_once;
  }
  return all;
}

// ---- reading --------------------------------------------------------------------------------

Result<std::optional<ledger::Place>> PostgresStore::find(std::string_view request_id) {
  WEIR_TRY_ASSIGN(rows, change("SELECT segment, \"offset\" FROM weir.calls "
                               "WHERE ledger = $1 AND request_id = $2",
                               {clean(request_id)}));
  std::optional<ledger::Place> place;
  if (rows.size() > 0) {
    place = ledger::Place{static_cast<std::uint64_t>(rows.integer(0, 0)),
                          static_cast<std::uint64_t>(rows.integer(0, 1))};
  }
  return place;
}

Result<Store::WindowUses> PostgresStore::used(const std::vector<std::string>& windows) {
  std::map<std::string, std::string> names;  // as they are stored, and as they are asked for
  std::string list;
  json::Writer json(list);
  json.begin_array();
  for (const std::string& window : windows) {
    const auto [name, is_new] = names.emplace(clean(window), window);
    if (is_new) json.string(name->first);
  }
  json.end_array();
  WEIR_TRY_ASSIGN(rows, database_.run(get_windows, {std::move(list)}));
  WindowUses uses;
  for (int row = 0; row < rows.size(); ++row) {
    const auto name = names.find(std::string(rows.text(row, 0)));
    if (name == names.end()) continue;
    uses[name->second] = policy::WindowUse{.requests = rows.integer(row, 1),
                                           .input_tokens = rows.integer(row, 2),
                                           .output_tokens = rows.integer(row, 3),
                                           .nanousd = rows.integer(row, 4)};
  }
  return uses;
}

/// Learns the names of those series of `sums` that are new here.
Result<> PostgresStore::learn_series(const store::PostgresRows& sums) {
  std::set<std::int64_t> unknown;
  for (int row = 0; row < sums.size(); ++row) {
    const std::int64_t id = sums.integer(row, 1);
    if (!series_.contains(id)) unknown.insert(id);
  }
  if (unknown.empty()) return {};
  std::string list;
  json::Writer json(list);
  json.begin_array();
  for (const std::int64_t id : unknown) json.integer(id);
  json.end_array();
  WEIR_TRY_ASSIGN(found, database_.run(name_series, {std::move(list)}));
  for (int row = 0; row < found.size(); ++row) {
    auto labels = decode_labels(found.text(row, 1));
    if (!labels) return damaged_sums();
    series_.emplace(found.integer(row, 0), *std::move(labels));
  }
  if (static_cast<std::size_t>(found.size()) != unknown.size()) return damaged_sums();
  return {};
}

Result<> PostgresStore::read(bool by_day, std::int64_t from_ms, std::int64_t before_ms,
                             const ReadSums& read) {
  // All pages are of one moment.
  WEIR_TRY_ASSIGN(transaction, store::PostgresTransaction::begin_reading(database_));
  const std::string slot = std::to_string(by_day ? days : hours);
  std::string start = std::to_string(from_ms);
  std::string series = "-1";
  std::string ledger;
  for (;;) {
    WEIR_TRY_ASSIGN(
        rows, database_.run(list_sums, {slot, start, series, ledger, std::to_string(before_ms),
                                        std::to_string(rows_at_once)}));
    WEIR_TRY(learn_series(rows));
    for (int row = 0; row < rows.size(); ++row) {
      read({rows.integer(row, 0), &series_.at(rows.integer(row, 1)), rows.text(row, 3)});
    }
    if (rows.size() < rows_at_once) break;
    const int last = rows.size() - 1;
    start = std::to_string(rows.integer(last, 0));
    series = std::to_string(rows.integer(last, 1));
    ledger = rows.text(last, 2);
  }
  return transaction.commit();
}

}  // namespace weir::usage
