// SPDX-License-Identifier: Apache-2.0
#include "config/tree.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <utility>

#include "json/document.hpp"
#include "json/writer.hpp"

namespace weir::config {
namespace {

struct Extent {
  std::size_t nodes = 1;
  std::size_t depth = 1;
};

Extent extent_of(const Node& node) {
  Extent all;
  const auto include = [&all](const Node& child) {
    const Extent extent = extent_of(child);
    all.nodes += extent.nodes;
    all.depth = std::max(all.depth, extent.depth + 1);
  };
  for (const Node& item : node.items) include(item);
  for (const Member& member : node.members) include(member.value);
  return all;
}

/// Builds the tree from the parser's events. yaml-cpp's own nodes would keep doubled keys and
/// follow aliases without end.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(std::shared_ptr<const std::string> file, std::vector<Problem>& problems)
      : file_(std::move(file)), problems_(problems) {}

  Node take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(make(Node::Kind::null, mark), anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    // Whatever is wrong, a node must come of it: in a map the next event is taken for a key.
    if (found == anchors_.end()) {
      fail(mark, "an alias inside of what it names");
      return add(make(Node::Kind::null, mark), 0);
    }
    const Extent extent = extent_of(found->second);
    count_ += extent.nodes;
    if (count_ > config_nodes_max || open_.size() + extent.depth > config_depth_max) {
      fail(mark, "aliases make the configuration too big");
      return add(make(Node::Kind::null, mark), 0);
    }
    Node copy = found->second;
    copy.line = line_of(mark);
    add(std::move(copy), 0);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Node node = make(Node::Kind::scalar, mark);
    check_tag(mark, tag);
    node.is_quoted = tag == "!";
    const bool is_null = !node.is_quoted && (value.empty() || value == "~" || value == "null");
    if (is_null) node.kind = Node::Kind::null;
    node.text = value;
    add(std::move(node), anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    check_tag(mark, tag);
    open(make(Node::Kind::list, mark), anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    check_tag(mark, tag);
    open(make(Node::Kind::map, mark), anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  /// A list or map whose end has not come yet.
  struct Open {
    Node node;
    YAML::anchor_t anchor = 0;
    std::string key;
    bool has_key = false;
  };

  static std::size_t line_of(const YAML::Mark& mark) {
    return static_cast<std::size_t>(mark.line) + 1;
  }

  void fail(const YAML::Mark& mark, std::string text) {
    problems_.push_back({*file_ + ":" + std::to_string(line_of(mark)), "", std::move(text)});
  }

  void check_tag(const YAML::Mark& mark, const std::string& tag) {
    const bool is_standard =
        tag.empty() || tag == "?" || tag == "!" || tag.starts_with("tag:yaml.org,2002:");
    if (!is_standard) fail(mark, "tags such as '" + tag + "' are not understood");
  }

  Node make(Node::Kind kind, const YAML::Mark& mark) {
    ++count_;
    Node node;
    node.kind = kind;
    node.line = line_of(mark);
    node.file = file_;
    return node;
  }

  void open(Node node, YAML::anchor_t anchor) {
    if (open_.size() == config_depth_max) {
      problems_.push_back({node.place(), "", "the configuration is nested too deeply"});
    }
    open_.push_back({std::move(node), anchor, {}, false});
  }

  void close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    add(std::move(done.node), done.anchor);
  }

  /// Puts a finished node where it belongs. In a map, keys and values come in turns.
  void add(Node node, YAML::anchor_t anchor) {
    if (anchor != 0) anchors_.insert_or_assign(anchor, node);
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.kind == Node::Kind::list) {
      if (open_.size() <= config_depth_max) parent.node.items.push_back(std::move(node));
    } else if (!parent.has_key) {
      take_key(parent, node);
    } else {
      parent.has_key = false;
      const bool is_kept = open_.size() <= config_depth_max && !parent.node.find(parent.key);
      if (is_kept) parent.node.members.push_back({std::move(parent.key), std::move(node)});
    }
  }

  void take_key(Open& parent, const Node& node) {
    parent.has_key = true;
    parent.key = node.text;
    if (node.kind != Node::Kind::scalar) {
      problems_.push_back({node.place(), "", "a key must be a plain text"});
    } else if (const Node* first = parent.node.find(node.text)) {
      problems_.push_back({node.place(), "",
                           "the key '" + node.text + "' is there twice; first in line " +
                               std::to_string(first->line)});
    }
  }

  std::shared_ptr<const std::string> file_;
  std::vector<Problem>& problems_;
  Node root_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, Node> anchors_;
  std::size_t count_ = 0;
};

bool is_json_literal(const Node& node) {
  if (node.is_quoted || node.text.empty()) return false;
  json::Document document;
  return document.parse(node.text).has_value() && !document.root().is_string();
}

void append_json(json::Writer& out, const Node& node) {
  switch (node.kind) {
    case Node::Kind::null:
      out.null();
      return;
    case Node::Kind::scalar:
      if (is_json_literal(node)) {
        out.raw(node.text);
      } else {
        out.string(node.text);
      }
      return;
    case Node::Kind::list:
      out.begin_array();
      for (const Node& item : node.items) append_json(out, item);
      out.end_array();
      return;
    case Node::Kind::map:
      out.begin_object();
      for (const Member& member : node.members) append_json(out.key(member.key), member.value);
      out.end_object();
      return;
  }
}

}  // namespace

std::string Node::place() const {
  return (file ? *file : std::string()) + ":" + std::to_string(line);
}

const Node* Node::find(std::string_view key) const {
  const auto found = std::find_if(members.begin(), members.end(),
                                  [&](const Member& member) { return member.key == key; });
  return found == members.end() ? nullptr : &found->value;
}

std::string_view name(Node::Kind kind) noexcept {
  switch (kind) {
    case Node::Kind::null:
      return "nothing";
    case Node::Kind::scalar:
      return "a single value";
    case Node::Kind::list:
      return "a list";
    case Node::Kind::map:
      return "a map";
  }
  return "";
}

Node parse_tree(std::string_view file, std::string_view text, std::vector<Problem>& problems) {
  Node empty;
  empty.kind = Node::Kind::map;
  empty.file = std::make_shared<const std::string>(file);
  if (text.size() > config_bytes_max) {
    problems.push_back({std::string(file), "", "the file is bigger than 4 MiB"});
    return empty;
  }
  TreeBuilder builder(empty.file, problems);
  // yaml-cpp's door: it throws on broken text, and nothing it throws may get further.
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) return empty;
    Node root = builder.take();
    if (parser.HandleNextDocument(builder)) {
      problems.push_back({std::string(file), "", "there is more than one document in the file"});
    }
    return root.kind == Node::Kind::null ? empty : root;
  } catch (const YAML::Exception& error) {
    problems.push_back(
        {std::string(file) + ":" + std::to_string(error.mark.line + 1), "", error.msg});
    return empty;
  }
}

void merge(Node& base, Node overlay) {
  if (base.kind != Node::Kind::map || overlay.kind != Node::Kind::map) {
    base = std::move(overlay);
    return;
  }
  for (Member& member : overlay.members) {
    const auto place = std::find_if(base.members.begin(), base.members.end(),
                                    [&](const Member& m) { return m.key == member.key; });
    if (place == base.members.end()) {
      base.members.push_back(std::move(member));
    } else {
      merge(place->value, std::move(member.value));
    }
  }
}

std::string to_json(const Node& node) {
  std::string text;
  json::Writer out(text);
  append_json(out, node);
  return text;
}

}  // namespace weir::config
