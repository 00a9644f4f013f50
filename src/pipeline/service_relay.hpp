// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "pipeline/relay.hpp"

namespace weir::pipeline {

struct ServiceRelayOptions {
  /// A JSON answer without any of these is none; empty names: JSON is no answer at all.
  std::array<std::string_view, 2> answer_members;
  std::size_t event_bytes_max = wire::event_bytes_max_default;
  std::int64_t answers = 1;  ///< asked for: a stream is complete when all have ended
};

/// Answers that pass as they are: JSON and event streams watched for use, end and faults, anything
/// else untouched.
std::unique_ptr<Relay> make_service_relay(const ServiceRelayOptions& options);

/// Answers of whose form nothing is known: every byte passes; what is JSON, or a stream of it, is
/// watched for its use.
std::unique_ptr<Relay> make_raw_relay(std::string_view media_type);

}  // namespace weir::pipeline
