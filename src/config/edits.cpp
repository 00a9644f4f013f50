// SPDX-License-Identifier: Apache-2.0
#include "config/edits.hpp"

#include <algorithm>
#include <utility>

#include "base/ascii.hpp"
#include "json/document.hpp"
#include "json/writer.hpp"

namespace weir::config {
namespace {

constexpr std::size_t edits_max = 1'000;

Node empty_map() {
  Node node;
  node.kind = Node::Kind::map;
  return node;
}

Node parse_edit(const Edit& edit, std::vector<Problem>& problems) {
  return parse_tree(edit_source, edit.json, problems);
}

Node* find_member(Node& map, std::string_view key) {
  const auto found = std::find_if(map.members.begin(), map.members.end(),
                                  [&](const Member& member) { return member.key == key; });
  return found == map.members.end() ? nullptr : &found->value;
}

void erase_member(Node& map, std::string_view key) {
  std::erase_if(map.members, [&](const Member& member) { return member.key == key; });
}

void put_member(Node& map, std::string_view key, Node value) {
  if (Node* found = find_member(map, key)) {
    *found = std::move(value);
  } else {
    map.members.push_back({std::string(key), std::move(value)});
  }
}

/// RFC 7396: maps are merged, null takes a member away, anything else replaces.
void patch(Node& base, const Node& changes) {
  if (base.kind != Node::Kind::map) base = empty_map();
  for (const Member& member : changes.members) {
    if (member.value.kind == Node::Kind::null) {
      erase_member(base, member.key);
    } else if (member.value.kind == Node::Kind::map) {
      if (find_member(base, member.key) == nullptr) put_member(base, member.key, empty_map());
      patch(*find_member(base, member.key), member.value);
    } else {
      put_member(base, member.key, member.value);
    }
  }
}

bool has_null(const Node& node) {
  return node.kind == Node::Kind::null ||
         std::any_of(node.members.begin(), node.members.end(),
                     [](const Member& member) { return has_null(member.value); });
}

/// The map that holds the entry; made where it is missing.
Node& section_of(Node& root, const std::string& section) {
  if (root.kind != Node::Kind::map) root = empty_map();
  if (section.empty()) return root;
  Node* found = find_member(root, section);
  if (found == nullptr || found->kind == Node::Kind::null) {
    put_member(root, section, empty_map());
    found = find_member(root, section);
  }
  return *found;
}

void apply(Node& root, const Edit& edit, std::vector<Problem>& problems) {
  Node& section = section_of(root, edit.section);
  if (section.kind != Node::Kind::map) return;  // which the reader reports
  if (edit.replaces) erase_member(section, edit.name);
  if (edit.json.empty()) return;
  const Node value = parse_edit(edit, problems);
  if (value.kind != Node::Kind::map) {
    put_member(section, edit.name, value);
    return;
  }
  if (find_member(section, edit.name) == nullptr) put_member(section, edit.name, empty_map());
  Node& entry = *find_member(section, edit.name);
  entry.file = value.file;
  entry.line = value.line;
  patch(entry, value);
}

// ---- writing --------------------------------------------------------------------------------

/// A text that needs no quotes in YAML, whatever stands around it.
bool is_plain(std::string_view text) {
  const auto is_safe = [](char c) {
    return ascii::is_alnum(c) || c == '_' || c == '-' || c == '.' || c == '/' || c == ':';
  };
  const bool is_word = !text.empty() && (ascii::is_alnum(text.front()) || text.front() == '/') &&
                       !text.ends_with(':') && std::all_of(text.begin(), text.end(), is_safe);
  // `yes`, `1.0` and `null` would come back as something else to other readers of the file.
  const bool has_letter = std::any_of(
      text.begin(), text.end(), [](char c) { return ascii::is_alnum(c) && !ascii::is_digit(c); });
  const auto is = [&](std::string_view word) { return ascii::equals_ignoring_case(text, word); };
  return is_word && has_letter && !ascii::is_digit(text.front()) && !is("yes") && !is("no") &&
         !is("on") && !is("off") && !is("true") && !is("false") && !is("null") && !is("y") &&
         !is("n");
}

std::string scalar_text(const Node& node) {
  const bool stays = !node.is_quoted || is_plain(node.text);
  if (stays && node.text.find('\n') == std::string::npos) return node.text;
  std::string quoted;
  json::append_string(quoted, node.text);
  return quoted;
}

std::string key_text(const std::string& key) {
  std::string quoted;
  if (is_plain(key)) return key;
  json::append_string(quoted, key);
  return quoted;
}

void append_block(std::string& out, const Node& node, std::size_t indent);

/// What follows a `key:` or a `-`.
void append_value(std::string& out, const Node& node, std::size_t indent) {
  switch (node.kind) {
    case Node::Kind::null:
      out.append(" null\n");
      return;
    case Node::Kind::scalar:
      out.append(" ").append(scalar_text(node)).append("\n");
      return;
    case Node::Kind::list:
    case Node::Kind::map: {
      const bool is_empty = node.items.empty() && node.members.empty();
      if (is_empty) {
        out.append(node.kind == Node::Kind::list ? " []\n" : " {}\n");
        return;
      }
      out.append("\n");
      append_block(out, node, indent + 2);
      return;
    }
  }
}

void append_block(std::string& out, const Node& node, std::size_t indent) {
  for (const Node& item : node.items) {
    out.append(indent, ' ').append("-");
    append_value(out, item, indent);
  }
  for (const Member& member : node.members) {
    out.append(indent, ' ').append(key_text(member.key)).append(":");
    append_value(out, member.value, indent);
  }
}

// ---- working into the text ------------------------------------------------------------------

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    lines.emplace_back(line);
  }
  return lines;
}

std::size_t indent_of(std::string_view line) {
  return std::min(line.find_first_not_of(' '), line.size());
}

bool has_content(std::string_view line) {
  const std::size_t indent = indent_of(line);
  return indent < line.size() && line[indent] != '#' && line[indent] != '\r';
}

bool begins_key(std::string_view line, std::string_view key) {
  line.remove_prefix(indent_of(line));
  for (const char quote : {'\0', '"', '\''}) {
    std::string start;
    if (quote != '\0') start.push_back(quote);
    start.append(key);
    if (quote != '\0') start.push_back(quote);
    start.push_back(':');
    const bool is_it =
        line.starts_with(start) &&
        (line.size() == start.size() || line[start.size()] == ' ' || line[start.size()] == '\r');
    if (is_it) return true;
  }
  return false;
}

struct LineRange {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t indent = 0;
  [[nodiscard]] bool is_empty() const { return begin == end; }
};

/// The lines of the entry `key` at `indent` (any, when it is npos) within [begin, end).
LineRange find_entry(const std::vector<std::string>& lines, LineRange within,
                     std::string_view key) {
  std::size_t i = within.begin;
  while (i < within.end && !(has_content(lines[i]) && indent_of(lines[i]) == within.indent &&
                             begins_key(lines[i], key))) {
    ++i;
  }
  if (i == within.end) return {};
  LineRange found{i, i + 1, within.indent};
  for (std::size_t next = i + 1; next < within.end; ++next) {
    if (!has_content(lines[next])) continue;
    const bool is_item = lines[next][indent_of(lines[next])] == '-';
    if (indent_of(lines[next]) < found.indent ||
        (indent_of(lines[next]) == found.indent && !is_item)) {
      break;
    }
    found.end = next + 1;
  }
  return found;
}

/// The lines between `providers:` and the next key of the whole. Empty: not written as a block.
LineRange find_section(const std::vector<std::string>& lines, const std::string& name) {
  const LineRange all{0, lines.size(), 0};
  if (name.empty()) return all;
  LineRange section = find_entry(lines, all, name);
  if (section.end - section.begin < 2) return {};
  ++section.begin;
  const auto first = std::find_if(lines.begin() + static_cast<std::ptrdiff_t>(section.begin),
                                  lines.begin() + static_cast<std::ptrdiff_t>(section.end),
                                  [](const std::string& line) { return has_content(line); });
  section.indent = indent_of(*first);
  return section;
}

/// Puts the entry as it is in `root` into the lines; false when they aren't written that way.
bool replace_entry(std::vector<std::string>& lines, const Edit& edit, const Node& root) {
  const Node* section = edit.section.empty() ? &root : root.find(edit.section);
  const Node* entry = section == nullptr ? nullptr : section->find(edit.name);
  LineRange place = find_section(lines, edit.section);
  std::vector<std::string> fresh;
  if (place.is_empty() && !lines.empty()) {
    if (entry == nullptr) return false;
    fresh.push_back(edit.section + ":");
    place = {lines.size(), lines.size(), 2};
  } else {
    const LineRange old = find_entry(lines, place, edit.name);
    const bool is_new = old.is_empty();
    place = is_new ? LineRange{place.end, place.end, place.indent} : old;
  }
  if (entry != nullptr) {
    Node only = empty_map();
    only.members.push_back({edit.name, *entry});
    std::string block;
    append_block(block, only, place.indent);
    for (std::string& line : lines_of(block)) fresh.push_back(std::move(line));
  }
  const auto at = lines.begin() + static_cast<std::ptrdiff_t>(place.begin);
  const auto after = lines.erase(at, lines.begin() + static_cast<std::ptrdiff_t>(place.end));
  lines.insert(after, fresh.begin(), fresh.end());
  return true;
}

bool means(std::string_view file, const std::string& text, const Node& wanted) {
  std::vector<Problem> problems;
  const Node got = parse_tree(file, text, problems);
  return problems.empty() && to_json(got) == to_json(wanted);
}

}  // namespace

Result<> add_edit(std::vector<Edit>& edits, Edit edit) {
  std::vector<Problem> problems;
  Node value = edit.json.empty() ? Node() : parse_edit(edit, problems);
  if (!problems.empty()) return Error(ErrorCode::invalid_request, problems.front().text);
  const auto is_same_entry = [&](const Edit& other) {
    return other.section == edit.section && other.name == edit.name;
  };
  if (edit.replaces) std::erase_if(edits, is_same_entry);
  const auto earlier = std::find_if(edits.rbegin(), edits.rend(), is_same_entry);
  if (earlier != edits.rend() && !earlier->json.empty()) {
    Node before = parse_edit(*earlier, problems);
    // A member taken away and set again is not the same as one set: that takes two edits.
    if (before.kind == Node::Kind::map && value.kind == Node::Kind::map && !has_null(before)) {
      merge(before, std::move(value));
      earlier->json = to_json(before);
      return {};
    }
  }
  if (edits.size() == edits_max) {
    return Error(ErrorCode::invalid_request, "there are too many changes that were not saved");
  }
  edits.push_back(std::move(edit));
  return {};
}

void apply_edits(Node& root, const std::vector<Edit>& edits, std::vector<Problem>& problems) {
  for (const Edit& edit : edits) apply(root, edit, problems);
}

Result<std::string> write_back(std::string_view file, std::string_view text,
                               const std::vector<Edit>& edits) {
  std::vector<Problem> problems;
  Node root = parse_tree(file, text, problems);
  if (problems.empty()) apply_edits(root, edits, problems);
  if (!problems.empty()) return Error(ErrorCode::invalid_request, problems.front().message());
  if (file.ends_with(".json")) return to_json(root) + "\n";

  std::vector<std::string> lines = lines_of(text);
  bool is_whole = true;
  for (const Edit& edit : edits) is_whole = is_whole && replace_entry(lines, edit, root);
  std::string kept;
  for (const std::string& line : lines) kept.append(line).append("\n");
  // Whatever the text looked like: what it means now is checked, not hoped for.
  if (is_whole && means(file, kept, root)) return kept;
  std::string fresh;
  append_block(fresh, root, 0);
  return fresh;
}

}  // namespace weir::config
