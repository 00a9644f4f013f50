// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/loader.hpp"
#include "weir/result.hpp"

/// From the bodies of requests to changes of the configuration. Only their outer shape is looked at
/// here; names and values of fields are checked by the loader, which has the list of them (V-5).
///
/// Errors of all: `invalid_json`, `invalid_request` with the path of the member.
namespace weir::admin {

/// `{"name": "x", "type": ..., ...}` of a new provider.
Result<config::Edit> new_provider(std::string_view body);
/// Fields laid over those of the provider; null takes one away. Its secrets can't be read back, so
/// a client could not send the whole.
Result<config::Edit> provider_change(std::string_view name, std::string_view body);
/// The whole of a route, as in the file: a target, a list of them, or an object.
Result<config::Edit> whole_route(std::string_view name, std::string_view body);
/// `{"model": "name"}`; an empty name leads back to `auto`.
Result<config::Edit> default_model(std::string_view body);
/// `{"strategy": ...}`: how routes choose that don't say themselves; an empty one takes the setting
/// away.
Result<config::Edit> default_strategy(std::string_view body);
/// `{"model": ...}`: what a tier or a task means. `section` is `tiers` or `tasks`.
Result<config::Edit> meaning(std::string_view section, std::string_view name,
                             std::string_view body);
/// Takes an entry away. `section` is `providers` or `models`.
config::Edit removal(std::string_view section, std::string_view name);

/// `{"state": ...}` of a circuit breaker; the word may mean nothing.
Result<std::string> circuit_order(std::string_view body);

struct ExplainWishes {
  std::string model;
  std::string request;  ///< a chat as clients send it; empty: none
  std::vector<std::string> prefer;
  std::string key;  ///< who would ask
  std::string user;
  std::string team;
  std::string organisation;
};
/// `{"model": ..., "request": "...", "prefer": [...], "key": ..., "user": ..., "team": ...,
/// "organisation": ...}`, each of which may be missing.
Result<ExplainWishes> explain_wishes(std::string_view body);

/// `{"discard_changes": true}`; an empty body means false.
Result<bool> discards_changes(std::string_view body);

}  // namespace weir::admin
