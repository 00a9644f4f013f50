// SPDX-License-Identifier: Apache-2.0
#include "server/response_archive.hpp"

#include <utility>

#include "store/files.hpp"
#include "store/database/memory_response_store.hpp"
#include "store/database/sqlite_response_store.hpp"

namespace weir::server {
namespace {

constexpr std::int64_t sweep_every_ms = 60'000;
/// Few enough to take a fraction of a second of the store's thread (J-4).
constexpr std::size_t swept_at_once = 1'000;

}  // namespace

ResponseArchive::ResponseArchive(Settings settings, std::string data_directory, MakeKeys make_keys,
                                 OnRemoved on_removed)
    : settings_(std::move(settings)),
      data_directory_(std::move(data_directory)),
      make_keys_(std::move(make_keys)),
      on_removed_(std::move(on_removed)),
      store_([this] { return open(); }) {}

net::Task<Result<>> ResponseArchive::put(net::Loop& loop, store::StoredResponse response,
                                         std::int64_t now_ms, std::chrono::milliseconds ttl) {
  const Question question = [&](store::ResponseStore& store) {
    auto kept = store.put(response, now_ms + ttl.count());
    sweep(store, now_ms);
    return kept;
  };
  Result<> answer = co_await store_.ask(loop, question);
  co_return answer;
}

void ResponseArchive::put_later(std::function<store::StoredResponse()> make, std::int64_t now_ms,
                                std::chrono::milliseconds ttl,
                                std::function<void(const Result<>&)> on_kept) {
  const auto question = [this, make = std::move(make), now_ms, ttl](store::ResponseStore& store) {
    auto kept = store.put(make(), now_ms + ttl.count());
    sweep(store, now_ms);
    return kept;
  };
  store_.tell(question, std::move(on_kept));
}

/// A database is not made to find it empty.
bool ResponseArchive::has_any() const {
  return settings_.store == config::ContentStorage::memory || (is_on() && store::exists(path()));
}

Result<std::unique_ptr<store::ResponseStore>> ResponseArchive::open() {
  std::unique_ptr<store::ResponseStore> store;
  if (settings_.store != config::ContentStorage::disk) {
    store = std::make_unique<store::MemoryResponseStore>(settings_.bytes_max);
    return store;
  }
  WEIR_TRY(store::make_private_directory(data_directory_));
  WEIR_TRY_ASSIGN(keys, make_keys_());
  keys_ = std::move(keys);
  WEIR_TRY_ASSIGN(opened, store::SqliteResponseStore::open(path(), *keys_, settings_.bytes_max));
  store = std::move(opened);
  return store;
}

/// What could not be removed now is found again at the next time.
void ResponseArchive::sweep(store::ResponseStore& store, std::int64_t now_ms) {
  if (now_ms - swept_ms_ < sweep_every_ms) return;
  const auto removed = store.remove_expired(now_ms, swept_at_once);
  if (!removed || *removed < swept_at_once) swept_ms_ = now_ms;
  if (removed && *removed > 0) on_removed_(*removed);
}

}  // namespace weir::server
