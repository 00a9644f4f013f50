// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "providers/catalog.hpp"

/// What a model can take, each value with the one who says so.
namespace weir::providers {

/// Yes, no, or not known: an unknown capability may be tried, last (F-3).
enum class Tri : std::uint8_t { no, yes, unknown };
std::string_view name(Tri value) noexcept;

/// Who states a fact about a model.
enum class FactSource : std::uint8_t {
  none,           ///< nobody: it is unknown
  rule,           ///< holds for a whole family or dialect
  catalog,        ///< built in
  detection,      ///< the server said so when it was asked
  configuration,  ///< the operator
  learnt,         ///< a refusal taught it
};
std::string_view name(FactSource source) noexcept;

/// What one source says; of a capability in neither set it says nothing.
struct StatedCapabilities {
  Capabilities yes = 0;
  Capabilities no = 0;

  constexpr void say(Capability capability, bool is_there) noexcept {
    const auto bit = static_cast<Capabilities>(capability);
    Capabilities& named = is_there ? yes : no;
    Capabilities& other = is_there ? no : yes;
    named = static_cast<Capabilities>(named | bit);
    other = static_cast<Capabilities>(other & ~bit);
  }
  bool operator==(const StatedCapabilities&) const = default;
};

/// A list that names what is there: what the catalog's lists could name and this one does not is
/// denied; of prefill, n and logprobs a list only speaks by naming them.
StatedCapabilities stated_by_list(Capabilities listed) noexcept;

/// Whether `model` goes on from an unfinished assistant turn (S-9.11). `no` where the turn is known
/// to count as history only; unknown counts as no.
Tri prefill_rule(std::string_view provider, std::string_view model) noexcept;

/// What holds for whole families and dialects.
StatedCapabilities capability_rules(std::string_view provider, wire::Dialect dialect,
                                    std::string_view model) noexcept;

class CapabilityTable {
 public:
  struct Value {
    Tri value = Tri::unknown;
    FactSource source = FactSource::none;
    bool operator==(const Value&) const = default;
  };

  /// Puts what `source` says over what is known so far.
  void lay_over(const StatedCapabilities& stated, FactSource source) noexcept;

  [[nodiscard]] constexpr Value of(Capability capability) const noexcept {
    return values_[index(capability)];
  }
  [[nodiscard]] constexpr Tri can(Capability capability) const noexcept {
    return of(capability).value;
  }
  bool operator==(const CapabilityTable&) const = default;

 private:
  static constexpr std::size_t index(Capability capability) {
    return static_cast<std::size_t>(std::countr_zero(static_cast<Capabilities>(capability)));
  }
  std::array<Value, capability_names.size()> values_{};
};

}  // namespace weir::providers
