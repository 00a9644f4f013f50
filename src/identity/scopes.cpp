// SPDX-License-Identifier: Apache-2.0
#include "identity/scopes.hpp"

#include <algorithm>
#include <array>

namespace weir::identity {
namespace {

constexpr std::array<std::string_view, endpoint_group_count> group_names{
    "chat",        "completions", "embeddings", "images",     "audio",
    "moderations", "rerank",      "responses",  "passthrough"};

using Patterns = std::vector<std::string>;

bool any_fits(const Patterns& patterns, std::string_view text) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& pattern) { return fits_pattern(pattern, text); });
}

/// What only one of them says is not compared here: both hold for every call.
bool covers(const std::optional<Patterns>& outer, const std::optional<Patterns>& inner) {
  return !outer || !inner ||
         std::all_of(inner->begin(), inner->end(),
                     [&](const std::string& pattern) { return any_fits(*outer, pattern); });
}

}  // namespace

std::string_view name(EndpointGroup group) noexcept {
  return group_names[static_cast<std::size_t>(group)];
}

std::optional<EndpointGroup> parse_endpoint_group(std::string_view word) noexcept {
  const auto* const found = std::find(group_names.begin(), group_names.end(), word);
  if (found == group_names.end()) return std::nullopt;
  return static_cast<EndpointGroup>(found - group_names.begin());
}

bool fits_pattern(std::string_view pattern, std::string_view text) noexcept {
  std::size_t star = std::string_view::npos;  // the last one met
  std::size_t from = 0;                       // where the text goes on behind what it stands for
  std::size_t p = 0;
  std::size_t t = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      from = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++from;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool Scopes::allows(const pipeline::Route& route) const {
  if (!routes && !models) return true;
  if (routes && any_fits(*routes, route.name)) return true;
  if (!models) return false;
  const auto is_allowed = [&](const std::shared_ptr<const pipeline::Target>& target) {
    return any_fits(*models, target->name) || any_fits(*models, target->model);
  };
  return std::all_of(route.steps.begin(), route.steps.end(), [&](const pipeline::Step& step) {
    return std::all_of(step.targets.begin(), step.targets.end(), is_allowed);
  });
}

std::string_view exceeds(const Scopes& inner, const Scopes& outer) {
  const bool is_open = !inner.routes && !inner.models;
  if (is_open && outer.models) return "models";
  if (is_open && outer.routes) return "routes";
  if (!covers(outer.routes, inner.routes)) return "routes";
  if (!covers(outer.models, inner.models)) return "models";
  const std::uint32_t all = (1U << endpoint_group_count) - 1;
  const std::uint32_t wanted = inner.endpoints == 0 ? all : inner.endpoints;
  if (outer.endpoints != 0 && (wanted & ~outer.endpoints) != 0) return "endpoints";
  return {};
}

Scopes completed(Scopes inner, const Scopes& outer) {
  if (!inner.routes && !inner.models) {
    inner.routes = outer.routes;
    inner.models = outer.models;
  }
  if (inner.endpoints == 0) inner.endpoints = outer.endpoints;
  return inner;
}

}  // namespace weir::identity
