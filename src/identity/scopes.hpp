// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/route.hpp"

/// What a key may be used for.
namespace weir::identity {

/// Kinds of call that a key can be kept to.
enum class EndpointGroup : std::uint8_t {
  chat,
  completions,
  embeddings,
  images,
  audio,
  moderations,
  rerank,
  responses,
  passthrough,
};
inline constexpr std::size_t endpoint_group_count = 9;
std::string_view name(EndpointGroup group) noexcept;
/// Nothing for a word that is none of them.
std::optional<EndpointGroup> parse_endpoint_group(std::string_view word) noexcept;

/// True when `text` is `pattern` with each `*` standing for any text. A pattern that fits another,
/// taken as a text, fits all that the other fits. Cost: linear in the text for each `*`.
bool fits_pattern(std::string_view pattern, std::string_view text) noexcept;

/// Of a key, its user and its team: a call must lie within all three. What is not given leaves
/// everything open.
struct Scopes {
  std::optional<std::vector<std::string>> routes = {};  ///< patterns of the names in `models:`
  /// Patterns of `provider/model`, or of a model's id alone at whichever provider.
  std::optional<std::vector<std::string>> models = {};
  std::uint32_t endpoints = 0;  ///< a bit for each group; none set: all of them

  /// A route may be called that is named, or whose targets all may: what can be reached through a
  /// route is not more than what is allowed (Y-4).
  [[nodiscard]] bool allows(const pipeline::Route& route) const;
  [[nodiscard]] bool allows(EndpointGroup group) const {
    return endpoints == 0 || (endpoints >> static_cast<unsigned>(group) & 1U) != 0;
  }
};

/// Empty when `inner` says nothing that goes beyond `outer`; otherwise the member that does:
/// `routes`, `models` or `endpoints` (Y-4).
std::string_view exceeds(const Scopes& inner, const Scopes& outer);

/// `inner` with what it leaves open taken from `outer`.
Scopes completed(Scopes inner, const Scopes& outer);

}  // namespace weir::identity
