// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "api/provider_threads.hpp"
#include "engine/engine.hpp"
#include "weir/provider.hpp"

namespace weir::api {

/// The user's own providers, by name.
///
/// To the attempt loop each is an upstream that speaks OpenAI's dialect, as the mock is: what lies
/// behind an exchange is all that differs, so retries, failover, limits and counting need no second
/// way through.
class EmbeddedRegistry final : public engine::EmbeddedProviders {
 public:
  explicit EmbeddedRegistry(std::size_t threads_max) : threads_(threads_max) {}

  void set(const std::string& name, std::shared_ptr<Provider> provider);
  void remove(std::string_view name);
  /// Null when there is none.
  [[nodiscard]] std::shared_ptr<Provider> find(std::string_view name) const;
  [[nodiscard]] ProviderThreads& threads() { return threads_; }

  std::unique_ptr<net::Exchange> make(const pipeline::Target& target, net::Loop& loop,
                                      net::Cancellation& cancellation) override;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Provider>, std::less<>> providers_;
  ProviderThreads threads_;
};

}  // namespace weir::api
