// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/detected.hpp"
#include "engine/snapshot.hpp"
#include "net/exchange.hpp"
#include "pipeline/attempt.hpp"

/// Asking providers what models they have. Only ever their free listings (Z-2).
namespace weir::engine {

/// Where one provider's listing is.
struct Listing {
  std::string provider;
  /// The provider as exchanges are made for it; of the target no more than that is set.
  std::shared_ptr<const pipeline::Target> target;
  std::string list_path;
  std::string show_path;  ///< Ollama's description of one model; empty elsewhere
  /// The same answer may be expected while this is equal: address and key.
  std::string identity;
};

/// The listing of the provider at `index`. Nothing: it is switched off, answers by itself, or has
/// none.
std::optional<Listing> listing_of(const Snapshot& snapshot, std::size_t index);

using ListResult = Result<std::vector<config::DetectedModel>>;

/// Asks for one list. Of models that an Ollama tells nothing about and `known` (may be null) has no
/// description of, asks for the description too, so far as `describes` allows. Errors:
/// `upstream_unreachable`, `upstream_timeout`, `upstream_malformed`, `upstream_error` with status
/// and words of a refusal. A task's references outlive it.
net::Task<ListResult> ask_for_models(net::Loop& loop, pipeline::ExchangeFactory& exchanges,
                                     const Listing& listing,
                                     std::shared_ptr<const config::DetectedList> known,
                                     bool describes, net::Cancellation& cancellation);

/// Asks for all lists at the same time and waits until each was told, at most `total_max`; results
/// stand in the order of `listings`. For those who may wait: the command line, and the look at
/// local ports at start.
std::vector<ListResult> list_models(const std::vector<Listing>& listings,
                                    std::chrono::milliseconds total_max, bool describes);

}  // namespace weir::engine
