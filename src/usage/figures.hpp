// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "health/sketch.hpp"

/// What calls came to, and by what they can be told apart.
namespace weir::usage {

/// The numbers stand in files.
enum class Dimension : std::uint8_t {
  provider,
  model,
  key,
  user,
  team,
  tag,
  task,
  route,
  outcome,
  organisation,
};
inline constexpr std::array<std::string_view, 10> dimension_names{
    "provider", "model", "key", "user", "team", "tag", "task", "route", "outcome", "organisation"};
inline constexpr std::size_t dimension_count = dimension_names.size();
std::optional<Dimension> parse_dimension(std::string_view name) noexcept;

/// A value for each dimension; empty: none. A call can have several tags: they stand here as one
/// text, sorted, with `tag_separator` between them.
using Labels = std::array<std::string, dimension_count>;
inline constexpr char tag_separator = '\x1f';
inline const std::string& label(const Labels& labels, Dimension dimension) {
  return labels[static_cast<std::size_t>(dimension)];
}

/// Sums over calls and their attempts. All add up; none is ever negative but the savings.
struct Figures {
  std::int64_t requests = 0;
  std::int64_t attempts = 0;
  std::int64_t errors = 0;  ///< requests that did not end well
  std::int64_t input = 0;   ///< neither read from nor written to a prompt cache
  std::int64_t input_cache_read = 0;
  std::int64_t input_cache_write = 0;  ///< for whatever time
  std::int64_t output = 0;             ///< without reasoning
  std::int64_t output_reasoning = 0;
  std::int64_t cost = 0;      ///< nano-dollars, charged to clients
  std::int64_t exposure = 0;  ///< what providers may charge besides
  /// What the same tokens had cost without prompt caches, less what they did cost.
  std::int64_t cache_savings = 0;
  std::int64_t cheapest = 0;   ///< what the calls had cost at the cheapest target that could serve
  std::int64_t dearest = 0;    ///< and at the dearest
  std::int64_t estimated = 0;  ///< attempts whose tokens the provider did not tell
  std::map<std::string, std::int64_t, std::less<>> failures{};  ///< attempts, by class of failure
  health::Sketch latency{};                                     ///< of requests
  health::Sketch first_content{};

  Figures& operator+=(const Figures& other);
  void encode(std::string& out) const;
  /// Times are left out unless `with_times`, to be quick. False: damaged.
  bool decode(std::string_view bytes, bool with_times);
};

/// The plain sums by name, in the order in which they are kept; new ones at the end.
struct FigureRow {
  std::string_view name;
  std::int64_t Figures::* member;
};
// clang-format off
inline constexpr std::array figure_rows{
    FigureRow{"requests",              &Figures::requests},
    FigureRow{"attempts",              &Figures::attempts},
    FigureRow{"errors",                &Figures::errors},
    FigureRow{"input_tokens",          &Figures::input},
    FigureRow{"cache_read_tokens",     &Figures::input_cache_read},
    FigureRow{"cache_write_tokens",    &Figures::input_cache_write},
    FigureRow{"output_tokens",         &Figures::output},
    FigureRow{"reasoning_tokens",      &Figures::output_reasoning},
    FigureRow{"cost_nanousd",          &Figures::cost},
    FigureRow{"exposure_nanousd",      &Figures::exposure},
    FigureRow{"cache_savings_nanousd", &Figures::cache_savings},
    FigureRow{"cheapest_nanousd",      &Figures::cheapest},
    FigureRow{"dearest_nanousd",       &Figures::dearest},
    FigureRow{"estimated_attempts",    &Figures::estimated},
};
// clang-format on

}  // namespace weir::usage
