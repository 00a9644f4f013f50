// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "chaos/answer.hpp"
#include "chaos/book.hpp"
#include "chaos/plan.hpp"
#include "net/listener.hpp"
#include "net/task.hpp"

namespace weir::chaos {

/// A model server of every dialect at once, told by the path, whose calls meet the faults of a
/// plan. `GET /book` shows what it would have charged, `PUT /script` changes the plan, `POST
/// /reset` forgets both.
///
/// For its loop's thread.
class Upstream {
 public:
  explicit Upstream(net::EpollLoop& loop) : loop_(loop) {}

  /// Errors: the address can't be listened on.
  Result<> listen(const net::ListenAddress& address);
  [[nodiscard]] std::uint16_t port() const { return listener_->port(); }
  [[nodiscard]] FaultPlan& plan() { return plan_; }
  [[nodiscard]] const Book& book() const { return book_; }

 private:
  struct Request;
  class Connection;

  net::Task<void> serve(net::Socket socket);
  net::Task<bool> answer(Connection& connection, const Request& request);
  net::Task<bool> play(Connection& connection, Script script);
  net::Task<bool> respond(Connection& connection, int status, std::string body);
  [[nodiscard]] std::optional<std::string> control(const Request& request, int& status);

  net::EpollLoop& loop_;
  FaultPlan plan_;
  Book book_;
  net::TaskSet tasks_;
  std::unique_ptr<net::Listener> listener_;
};

}  // namespace weir::chaos
