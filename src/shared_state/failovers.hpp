// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "pipeline/call.hpp"

namespace weir::shared_state {

/// Why a call went from one target to another.
enum class FailoverKind : std::uint8_t {
  failover,  ///< the first had failed
  hedge,     ///< the first was silent for too long
  recovery,  ///< the first's stream broke, and the second went on with it
};
std::string_view name(FailoverKind kind) noexcept;

struct FailoverCount {
  std::string route;
  std::string from;  ///< targets
  std::string to;
  policy::FailureClass failure = policy::FailureClass::ok;  ///< how the first ended
  FailoverKind kind = FailoverKind::failover;
  std::uint64_t count = 0;
};

struct DegradationCount {
  std::string route;
  std::string to;  ///< the lesser route or tier that answered
  std::uint64_t count = 0;
};

/// How often calls went from where to where, and why, and which were answered by a lesser tier,
/// since the start.
///
/// For any thread. A call that its first target answered costs a comparison, others a short mutex.
/// Memory: at most `rows_max` rows of each kind; what would be a further one is counted under the
/// names `other`.
class Failovers final : public pipeline::CallWatch {
 public:
  static constexpr std::size_t rows_max = 1'000;

  void on_ended(const pipeline::Route& route, const pipeline::CallResult& result) override;
  /// The most frequent first.
  [[nodiscard]] std::vector<FailoverCount> list() const;
  [[nodiscard]] std::vector<DegradationCount> degradations() const;

 private:
  using Key = std::tuple<std::string, std::string, std::string, policy::FailureClass, FailoverKind>;
  using DegradationKey = std::pair<std::string, std::string>;
  void add(Key key);
  void add(DegradationKey key);

  mutable std::mutex mutex_;
  std::map<Key, std::uint64_t> counts_;
  std::map<DegradationKey, std::uint64_t> degradations_;
};

}  // namespace weir::shared_state
