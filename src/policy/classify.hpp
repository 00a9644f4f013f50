// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "policy/failure.hpp"
#include "weir/error.hpp"

namespace weir::policy {

/// What a provider said instead of an answer: its status and the members of its error, wherever in
/// the body they stood. The texts need to live only as long as the call that reads them.
struct UpstreamReply {
  std::string_view provider = {};  ///< id of its row, such as `together`
  int status = 0;  ///< HTTP status, or the one that the body names; 0 inside a stream
  std::string_view type = {};
  std::string_view code = {};
  std::string_view message = {};
  std::string_view reason = {};  ///< the finer code: Google's quotaId, OpenRouter's error_type
  std::string_view param = {};
  std::optional<std::chrono::milliseconds> retry_after = {};  ///< from a header or the body
  std::optional<bool> should_retry = {};                      ///< `x-should-retry`
  /// It was asked for something that not every server of its dialect has, or that is gone some day:
  /// its 404 says nothing about the model.
  bool is_beside_model = false;
  /// It was asked for an operation beside chats, at a path of its own (embeddings, reranking,
  /// pictures): its refusal says nothing about the model's chats, and may be of the path alone.
  bool is_beside_chat = false;
};

/// What it means, with the provider's own oddities and wishes already worked in.
struct Classified {
  FailureClass failure = FailureClass::server;
  ErrorCode code = ErrorCode::upstream_error;     ///< the client's, if nothing else works
  SameTarget same_target = SameTarget::no;        ///< in place of the class's own row
  NextTarget next_target = NextTarget::yes;       ///< in place of the class's own row
  CooldownScope cooldown = CooldownScope::none;   ///< in place of the class's own row
  std::optional<std::chrono::milliseconds> wait;  ///< floor before this target is asked again
  bool is_daily_limit = false;  ///< a day's allowance is used up: back at the provider's midnight
  bool try_next_for_parameter = false;  ///< this target can't take `param`; another one may
  bool is_seal_refused = false;         ///< signed or encrypted thoughts were not its model's own
  bool lacks_operation = false;         ///< it has no such path; only of what is beside chats

  bool operator==(const Classified&) const = default;
};

/// Says what `reply`, the provider's refusal or error, means. The same code or words outweigh the
/// status, since providers disagree about statuses; a status of 0 or 2xx (an error inside a body
/// or stream, C-1) is decided by the error's own names. What nobody knows is `server` from 500
/// on and without a status, `request` for other 4xx (C-3).
///
/// Errors: none. Cost: linear in the message times the number of rules.
Classified classify(const UpstreamReply& reply);

}  // namespace weir::policy
