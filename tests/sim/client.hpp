// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "net/loop.hpp"
#include "pipeline/call.hpp"
#include "pipeline/delivery.hpp"
#include "sim/network.hpp"
#include "sim/speech.hpp"

namespace weir::sim {

/// What a client asks for and how it behaves.
struct ClientPlan {
  std::uint64_t number = 0;
  wire::Dialect dialect = wire::Dialect::openai_chat;
  std::uint32_t words = 0;
  bool is_stream = false;
  bool tells_limit = false;  ///< of the answer's length
  std::optional<net::Duration> leaves_after;
  net::Duration write_pause{};  ///< how long it takes to accept a piece
};

/// The client's end of one request: takes what comes, in whatever order, and says afterwards
/// whether it was right.
class SimClient final : public pipeline::ClientChannel {
 public:
  SimClient(net::Loop& loop, Fuse& fuse, ClientPlan plan) : loop_(loop), fuse_(fuse), plan_(plan) {}

  net::Task<bool> respond(int status, std::string_view fields, std::string_view body) override;
  net::Task<bool> begin(int status, std::string_view fields) override;
  net::Task<bool> write(std::string_view bytes) override;
  net::Task<bool> end() override;

  void leave() {
    is_gone_ = true;
    cancellation_.cancel();
  }
  [[nodiscard]] bool is_gone() const noexcept { return is_gone_; }
  [[nodiscard]] net::Cancellation& cancellation() { return cancellation_; }
  [[nodiscard]] const ClientPlan& plan() const noexcept { return plan_; }

  /// The rule of the channel that was broken so far, if any.
  [[nodiscard]] std::optional<std::string_view> broken() const {
    return broken_.empty() ? std::nullopt : std::optional<std::string_view>(broken_);
  }
  /// Compares what came with how the call is said to have ended. Nothing when all is well,
  /// otherwise the rule that was broken.
  [[nodiscard]] std::optional<std::string> judge(const pipeline::CallResult& result) const;

 private:
  /// The client is gone, or goes with this very call.
  bool is_lost();
  [[nodiscard]] std::optional<std::string> judge_stream(const pipeline::CallResult& result) const;
  [[nodiscard]] std::optional<std::string> judge_whole(const pipeline::CallResult& result) const;

  net::Loop& loop_;
  Fuse& fuse_;
  ClientPlan plan_;
  net::Cancellation cancellation_;
  bool is_gone_ = false;
  int status_ = 0;  ///< 0: nothing was sent
  bool is_whole_ = false;
  bool is_ended_ = false;
  std::string body_;
  std::string broken_;  ///< the first rule of the channel that was broken
};

}  // namespace weir::sim
