// SPDX-License-Identifier: Apache-2.0
#include "server/response_archive.hpp"

#include "store/files.hpp"
#include "store/memory_response_store.hpp"
#include "store/sqlite_response_store.hpp"

namespace weir::server {
namespace {

/// A store that can't be opened is tried again after this, not for every request.
constexpr std::chrono::seconds reopen_after{1};
constexpr std::int64_t sweep_every_ms = 60'000;
/// Few enough to take a fraction of a second of the store's thread (J-4).
constexpr std::size_t swept_at_once = 1'000;

}  // namespace

ResponseArchive::ResponseArchive(const config::ResponseSettings& settings,
                                 std::string data_directory)
    : settings_(settings), data_directory_(std::move(data_directory)) {}

net::Task<Result<>> ResponseArchive::ask(net::Loop& loop, Question question) {
  Result<> answer;
  InBackground work(thread_, loop, [&] { answer = ask_here(question); });
  co_await work;
  co_return answer;
}

net::Task<Result<>> ResponseArchive::put(net::Loop& loop, store::StoredResponse response,
                                         std::int64_t now_ms, std::chrono::milliseconds ttl) {
  const Question question = [&](store::ResponseStore& store) {
    auto kept = store.put(response, now_ms + ttl.count());
    sweep(now_ms);
    return kept;
  };
  Result<> answer = co_await ask(loop, question);
  co_return answer;
}

Result<> ResponseArchive::ask_here(const Question& question) {
  if (!store_) WEIR_TRY(open());
  return question(*store_);
}

Result<> ResponseArchive::open() {
  const auto now = std::chrono::steady_clock::now();
  if (failure_ && now - failed_at_ < reopen_after) return *failure_;
  const auto bytes_max = static_cast<std::size_t>(settings_.bytes_max.bytes);
  const auto try_open = [&]() -> Result<> {
    if (settings_.store != config::ResponseStorage::disk) {
      store_ = std::make_unique<store::MemoryResponseStore>(bytes_max);
      return {};
    }
    WEIR_TRY(store::make_private_directory(data_directory_));
    keys_ = std::make_unique<store::FileDataKeys>(data_directory_ + "/data-key");
    WEIR_TRY_ASSIGN(opened, store::SqliteResponseStore::open(data_directory_ + "/responses.db",
                                                             *keys_, bytes_max));
    store_ = std::move(opened);
    return {};
  };
  auto opened = try_open();
  failure_.reset();
  if (!opened) {
    failure_ = opened.error();
    failed_at_ = now;
  }
  return opened;
}

/// What could not be removed now is found again at the next time.
void ResponseArchive::sweep(std::int64_t now_ms) {
  if (now_ms - swept_ms_ < sweep_every_ms) return;
  const auto removed = store_->remove_expired(now_ms, swept_at_once);
  if (!removed || *removed < swept_at_once) swept_ms_ = now_ms;
}

}  // namespace weir::server
