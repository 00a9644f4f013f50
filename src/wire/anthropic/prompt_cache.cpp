// SPDX-License-Identifier: Apache-2.0
#include "wire/anthropic/prompt_cache.hpp"

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

#include "wire/passthrough.hpp"

namespace weir::wire::anthropic {
namespace {

constexpr std::string_view mark = R"("cache_control":{"type":"ephemeral"})";

/// Providers cache nothing under 1024 tokens, and writing costs more than reading anew.
constexpr std::size_t worthwhile_bytes = 4096;

std::size_t bytes_of(std::optional<json::Value> value) { return value ? value->raw().size() : 0; }

/// Where in `block`, an object, the mark goes.
Splice mark_in(json::Value block) {
  std::string text(mark);
  if (block.size() > 0) text.push_back(',');
  return {block.offset() + 1, 0, std::move(text)};
}

bool may_be_marked(json::Value block) {
  const auto type = block.find("type");
  if (!type || type->equals("thinking") || type->equals("redacted_thinking")) return false;
  const auto text = block.find("text");
  return !text || !text->equals("");
}

/// A mark behind `content`, which is a string or a list of blocks; nothing where none can stand.
std::optional<Splice> mark_behind(json::Value content) {
  if (content.is_string()) {
    if (content.equals("")) return std::nullopt;
    std::string block(R"([{"type":"text","text":)");
    block.append(content.raw()).append(",").append(mark).append("}]");
    return Splice{content.offset(), content.raw().size(), std::move(block)};
  }
  if (!content.is_array()) return std::nullopt;
  std::optional<json::Value> last;
  for (const json::Value block : content.elements()) last = block;
  if (!last || !last->is_object() || !may_be_marked(*last)) return std::nullopt;
  return mark_in(*last);
}

std::optional<Splice> mark_behind_prefix(json::Value root) {
  const auto tools = root.find("tools");
  const auto system = root.find("system");
  if (bytes_of(tools) + bytes_of(system) < worthwhile_bytes) return std::nullopt;
  if (auto behind_system = system ? mark_behind(*system) : std::nullopt) return behind_system;
  if (!tools || !tools->is_array()) return std::nullopt;
  std::optional<json::Value> last;
  for (const json::Value tool : tools->elements()) last = tool;
  if (!last || !last->is_object()) return std::nullopt;
  return mark_in(*last);
}

/// A first message may be asked once only; whoever has had an answer goes on from there.
std::optional<Splice> mark_behind_conversation(json::Value root) {
  const auto messages = root.find("messages");
  if (!messages || !messages->is_array() || messages->size() < 3) return std::nullopt;
  const std::size_t all =
      bytes_of(messages) + bytes_of(root.find("tools")) + bytes_of(root.find("system"));
  if (all < worthwhile_bytes) return std::nullopt;
  std::optional<json::Value> last;
  for (const json::Value message : messages->elements()) last = message;
  const auto content = last->find("content");
  return content ? mark_behind(*content) : std::nullopt;
}

}  // namespace

void append_with_cache_marks(json::Value root, std::string& out) {
  std::vector<Splice> splices;
  // Escapes can't hide the name of a member that means anything to the provider's own clients.
  const bool is_marked = root.raw().find("\"cache_control\"") != std::string_view::npos;
  if (!is_marked) {
    if (auto splice = mark_behind_prefix(root)) splices.push_back(*std::move(splice));
    if (auto splice = mark_behind_conversation(root)) splices.push_back(*std::move(splice));
    std::sort(splices.begin(), splices.end(),
              [](const Splice& a, const Splice& b) { return a.offset < b.offset; });
  }
  append_spliced(root, splices, out);
}

}  // namespace weir::wire::anthropic
