// SPDX-License-Identifier: Apache-2.0
#include "store/database/health_store.hpp"

#include <algorithm>

namespace weir::store {
namespace {

constexpr const char* schema[] = {R"sql(
CREATE TABLE IF NOT EXISTS points(
  slot_ms INTEGER NOT NULL,
  start_ms INTEGER NOT NULL,
  series TEXT NOT NULL,
  figures BLOB NOT NULL,
  PRIMARY KEY(slot_ms, start_ms, series)) WITHOUT ROWID;
)sql"};

}  // namespace

Result<std::unique_ptr<HealthStore>> HealthStore::open(const std::string& path) {
  WEIR_TRY_ASSIGN(database, SqliteDatabase::open(path, schema));
  std::unique_ptr<HealthStore> store(new HealthStore(std::move(database)));
  WEIR_TRY(store->prepare());
  return store;
}

Result<> HealthStore::prepare() {
  return database_.prepare({
      {insert_,
       "INSERT INTO points(slot_ms, start_ms, series, figures) VALUES(?, ?, ?, ?) "
       "ON CONFLICT DO UPDATE SET figures = excluded.figures"},
      {select_,
       "SELECT start_ms, series, figures FROM points WHERE slot_ms = ?1 AND start_ms >= ?2 "
       "AND start_ms < ?3 AND (?4 = '' OR series = ?4) ORDER BY start_ms, series LIMIT ?5"},
      {count_, "SELECT count(*) FROM points WHERE slot_ms = ?"},
      {count_old_, "SELECT count(*) FROM points WHERE slot_ms = ? AND start_ms < ?"},
      {delete_,
       "DELETE FROM points WHERE (slot_ms, start_ms, series) IN (SELECT slot_ms, start_ms, series "
       "FROM points WHERE slot_ms = ? ORDER BY start_ms LIMIT ?)"},
  });
}

Result<> HealthStore::put(std::span<const HealthRow> rows) {
  WEIR_TRY_ASSIGN(transaction, SqliteTransaction::begin(database_));
  for (const HealthRow& row : rows) {
    insert_.bind(1, row.slot_ms).bind(2, row.start_ms).bind(3, row.series);
    WEIR_TRY(insert_.bind_blob(4, row.figures).run());
  }
  return transaction.commit();
}

Result<std::vector<HealthRow>> HealthStore::find(const Question& question) {
  select_.bind(1, question.slot_ms).bind(2, question.from_ms).bind(3, question.before_ms);
  select_.bind(4, question.series).bind(5, static_cast<std::int64_t>(question.rows_max));
  std::vector<HealthRow> rows;
  for (;;) {
    WEIR_TRY_ASSIGN(has_row, select_.step());
    if (!has_row) break;
    rows.push_back({question.slot_ms, std::string(select_.text(1)), select_.integer(0),
                    std::string(select_.text(2))});
  }
  select_.reset();
  return rows;
}

Result<std::size_t> HealthStore::remove_old(std::int64_t slot_ms, std::int64_t before_ms,
                                            std::size_t rows_max, std::size_t count_max) {
  const auto number = [](SqliteStatement& statement) -> Result<std::int64_t> {
    WEIR_TRY_ASSIGN(has_row, statement.step());
    const std::int64_t value = has_row ? statement.integer(0) : 0;
    statement.reset();
    return value;
  };
  WEIR_TRY_ASSIGN(all, number(count_.bind(1, slot_ms)));
  WEIR_TRY_ASSIGN(old, number(count_old_.bind(1, slot_ms).bind(2, before_ms)));
  const std::int64_t excess = std::max(old, all - static_cast<std::int64_t>(rows_max));
  const std::int64_t count =
      std::clamp<std::int64_t>(excess, 0, static_cast<std::int64_t>(count_max));
  if (count > 0) WEIR_TRY(delete_.bind(1, slot_ms).bind(2, count).run());
  return static_cast<std::size_t>(count);
}

}  // namespace weir::store
