// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "config/config.hpp"
#include "net/http/scanner.hpp"
#include "pipeline/call.hpp"
#include "pipeline/delivery.hpp"
#include "server/store_thread.hpp"
#include "store/database/idempotency_store.hpp"
#include "store/database/sealing.hpp"

/// Requests with an `Idempotency-Key`, each of which is made once (section 14).
namespace weir::server {

/// How a request that was begun has ended, for the same request when it comes again.
enum class OnceEnding : std::uint8_t {
  answered,  ///< gets the same answer
  unknown,   ///< is told that it may have been made
  undone,    ///< is made
};

/// Where all threads keep them.
class Idempotency {
 public:
  /// `make_keys` is asked once, by the store's thread, where answers are kept on a disk.
  using MakeKeys = std::function<Result<std::unique_ptr<store::DataKeys>>()>;
  /// Told, on the store's thread, how many were removed since their time was over.
  using OnRemoved = std::function<void(std::size_t)>;
  Idempotency(const config::IdempotencySettings& settings, std::string data_directory,
              bool is_power_safe, MakeKeys make_keys, OnRemoved on_removed);

  /// False: the header is not looked at.
  [[nodiscard]] bool is_on() const { return settings_.store != config::ContentStorage::off; }
  /// Before the first request. `instance`: the folder of this process among the running ones;
  /// empty: there is none, and so nothing can be kept on a disk.
  void start(std::string instance);

  /// Errors and what it gives: see IdempotencyStore::begin.
  net::Task<Result<std::optional<store::OnceAnswer>>> begin(net::Loop& loop,
                                                            store::OnceRequest request,
                                                            std::int64_t now_ms,
                                                            std::chrono::milliseconds ttl);
  /// Exactly once for each that was begun. `answer` counts where it was answered.
  net::Task<Result<>> conclude(net::Loop& loop, store::OnceRequest request, OnceEnding ending,
                               store::OnceAnswer answer);

  using Question = StoreThread<store::IdempotencyStore>::Question;
  /// See StoreThread. Where nothing was ever kept, nothing is asked.
  Result<> wait(const Question& question) {
    return store_.wait_if([this] { return has_any(); }, question);
  }
  void remove_expired(std::int64_t now_ms) {
    if (has_any()) store_.remove_expired(now_ms, on_removed_);
  }

 private:
  [[nodiscard]] bool has_any() const;
  Result<std::unique_ptr<store::IdempotencyStore>> open();
  void sweep(store::IdempotencyStore& store, std::int64_t now_ms);
  [[nodiscard]] std::string file() const { return data_directory_ + "/idempotency.db"; }

  const config::IdempotencySettings settings_;
  const std::string data_directory_;
  const bool is_power_safe_;
  const MakeKeys make_keys_;
  const OnRemoved on_removed_;
  std::string instance_;
  // For the store's thread only.
  std::unique_ptr<store::DataKeys> keys_;
  std::int64_t swept_ms_ = 0;

  StoreThread<store::IdempotencyStore> store_;  ///< last: its thread uses the others
};

/// Passes an answer on to its client and keeps it. Its end goes out when it is kept, so that
/// whoever has the whole of it finds it kept.
class OnceChannel final : public pipeline::PassingChannel {
 public:
  struct Limits {
    std::size_t answer_bytes_max = 0;
    std::size_t stream_bytes_max = 0;
  };
  /// All references outlive this.
  OnceChannel(pipeline::ClientChannel& inner, Idempotency& idempotency, net::Loop& loop,
              const store::OnceRequest& request, Limits limits)
      : PassingChannel(inner),
        idempotency_(idempotency),
        loop_(loop),
        request_(request),
        limits_(limits) {}

  net::Task<bool> respond(int status, std::string_view fields, std::string_view body) override;
  net::Task<bool> begin(int status, std::string_view fields) override;
  net::Task<bool> write(std::string_view bytes) override;
  net::Task<bool> end() override;
  void on_settled(const pipeline::CallResult& result) override;

  /// The call is over, and no end of an answer has passed here. Does nothing where one has. After
  /// it, `failure` says whether all that had to be kept was.
  net::Task<void> conclude_unanswered(pipeline::Outcome outcome);
  /// Why it could not be kept.
  [[nodiscard]] const std::optional<Error>& failure() const { return failure_; }

 private:
  [[nodiscard]] OnceEnding ending() const;
  net::Task<void> conclude(OnceEnding ending);
  void record(std::string_view bytes, std::size_t bytes_max);

  Idempotency& idempotency_;
  net::Loop& loop_;
  const store::OnceRequest& request_;
  const Limits limits_;
  store::OnceAnswer answer_;
  bool is_too_long_ = false;
  bool is_concluded_ = false;
  std::optional<pipeline::Outcome> outcome_;  ///< once it is certain
  bool may_be_billed_ = false;
  bool is_head_held_ = false;
  std::string held_;  ///< of the answer's end
  std::optional<Error> failure_;
};

/// The key in the header; nothing: there is none. Errors: `invalid_request`.
Result<std::optional<std::string_view>> idempotency_key_of(const net::http::RequestHead& head);

/// The header of an answer that is given again: as it was, but for what is about the request that
/// it was made for.
std::string replayed_fields(std::string_view fields, wire::Dialect dialect,
                            std::string_view request_id);

}  // namespace weir::server
