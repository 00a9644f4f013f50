// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/loader.hpp"

/// Configuration text as a tree of our own: every node knows its line, keys are unique, nothing
/// throws. YAML and JSON, which is YAML's subset here, both become one.
namespace weir::config {

struct Member;

struct Node {
  enum class Kind : std::uint8_t { null, scalar, list, map };
  Kind kind = Kind::null;
  bool is_quoted = false;  ///< scalar: written in quotes, so a string whatever it looks like
  std::size_t line = 0;
  std::shared_ptr<const std::string> file;
  std::string text;             ///< scalar
  std::vector<Node> items;      ///< list
  std::vector<Member> members;  ///< map, in the order written

  /// `file:line`
  [[nodiscard]] std::string place() const;
  [[nodiscard]] const Node* find(std::string_view key) const;
};

struct Member {
  std::string key;
  Node value;
};

/// "a map", "a list", ... for messages.
std::string_view name(Node::Kind kind) noexcept;

inline constexpr std::size_t config_bytes_max = 4 << 20;
inline constexpr std::size_t config_depth_max = 32;
inline constexpr std::size_t config_nodes_max = 200'000;

/// Parses one document. Problems (with line): broken syntax, a key that occurs twice in a map,
/// custom tags, more than one document, and whatever is deeper or bigger than the bounds; aliases
/// are copied and count in full, so that a few lines can't grow to gigabytes. An empty text is an
/// empty map.
Node parse_tree(std::string_view file, std::string_view text, std::vector<Problem>& problems);

/// Lays `overlay` over `base`: maps are merged, anything else replaces what was there.
void merge(Node& base, Node overlay);

/// The tree as JSON. Plain scalars that are JSON literals or numbers stay what they are.
std::string to_json(const Node& node);

}  // namespace weir::config
