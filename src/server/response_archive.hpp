// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "config/config.hpp"
#include "server/store_thread.hpp"
#include "store/database/response_store.hpp"
#include "store/database/sealing.hpp"

namespace weir::server {

/// A `ResponseStore` for all threads: where answers of the Responses API are kept, and what is
/// logged of content.
class ResponseArchive {
 public:
  struct Settings {
    config::ContentStorage store = config::ContentStorage::disk;
    std::size_t bytes_max = 0;
    std::string file;  ///< in the data directory
  };
  /// Told, on the store's thread, how many were removed since their time was over.
  using OnRemoved = std::function<void(std::size_t)>;
  /// `make_keys` is asked once, by the store's thread, where content is kept on a disk.
  using MakeKeys = std::function<Result<std::unique_ptr<store::DataKeys>>()>;
  ResponseArchive(Settings settings, std::string data_directory, MakeKeys make_keys,
                  OnRemoved on_removed);

  /// False: answers are not kept, and none is found.
  [[nodiscard]] bool is_on() const { return settings_.store != config::ContentStorage::off; }

  using Question = StoreThread<store::ResponseStore>::Question;
  /// See StoreThread.
  net::Task<Result<>> ask(net::Loop& loop, Question question) {
    return store_.ask(loop, std::move(question));
  }

  /// The same for a thread that may wait. Where nothing was ever kept, nothing is asked.
  Result<> wait(const Question& question) {
    return store_.wait_if([this] { return has_any(); }, question);
  }
  /// See StoreThread.
  void remove_expired(std::int64_t now_ms) {
    if (has_any()) store_.remove_expired(now_ms, on_removed_);
  }

  /// Keeps `response` for `ttl` from `now_ms` on.
  net::Task<Result<>> put(net::Loop& loop, store::StoredResponse response, std::int64_t now_ms,
                          std::chrono::milliseconds ttl);
  /// The same where nobody waits for it. `on_kept` is called on the store's thread.
  void put_later(std::function<store::StoredResponse()> make, std::int64_t now_ms,
                 std::chrono::milliseconds ttl, std::function<void(const Result<>&)> on_kept);

 private:
  [[nodiscard]] bool has_any() const;
  Result<std::unique_ptr<store::ResponseStore>> open();
  void sweep(store::ResponseStore& store, std::int64_t now_ms);

  [[nodiscard]] std::string path() const { return data_directory_ + "/" + settings_.file; }

  const Settings settings_;
  const std::string data_directory_;
  const MakeKeys make_keys_;
  const OnRemoved on_removed_;
  // For the store's thread only.
  std::unique_ptr<store::DataKeys> keys_;
  std::int64_t swept_ms_ = 0;

  StoreThread<store::ResponseStore> store_;  ///< last: its thread uses the others
};

}  // namespace weir::server
