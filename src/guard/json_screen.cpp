// SPDX-License-Identifier: Apache-2.0
#include "guard/json_screen.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "guard/text_filter.hpp"
#include "json/object_reader.hpp"
#include "json/writer.hpp"
#include "wire/passthrough.hpp"

namespace weir::guard {
namespace {

/// Members whose strings are not looked at, in any dialect.
constexpr auto silent_members = std::to_array<std::string_view>({
    // what things are and whose
    "model",
    "role",
    "type",
    "id",
    "call_id",
    "tool_call_id",
    "tool_use_id",
    "item_id",
    "name",
    "tool_name",
    "user",
    "user_id",
    "previous_response_id",
    "prompt_cache_key",
    "safety_identifier",
    // media
    "media_type",
    "mimeType",
    "mime_type",
    "data",
    "url",
    "image_url",
    "file_url",
    "file_data",
    "file_id",
    "fileUri",
    "file_uri",
    "images",
    // thoughts and their seals, which must come back unchanged
    "signature",
    "thinking",
    "encrypted_content",
    "thoughtSignature",
    "thought_signature",
    // settings
    "format",
    "encoding_format",
    "detail",
    "effort",
    "reasoning_effort",
    "service_tier",
    "tool_choice",
    "keep_alive",
});

class Screen {
 public:
  Screen(const Rules& rules, Side side, bool has_silent_members)
      : rules_(rules), side_(side), has_silent_members_(has_silent_members) {}

  void look(json::Value value, const json::Path& path) {
    if (result_.stopped_by != nullptr) return;
    if (value.is_string()) {
      look_at_text(value, path);
    } else if (value.is_array()) {
      std::size_t i = 0;
      for (const json::Value element : value.elements()) look(element, {&path, {}, i++});
    } else if (value.is_object()) {
      for (const json::Member member : value.members()) {
        const std::string key = member.key.as_string();
        if (has_silent_members_ && is_silent_member(key)) continue;
        look(member.value, {&path, key, 0});
      }
    }
  }

  Screened take(json::Value root) && {
    if (result_.stopped_by == nullptr && !splices_.empty()) {
      wire::append_spliced(root, splices_, result_.text.emplace());
    }
    return std::move(result_);
  }

 private:
  void look_at_text(json::Value value, const json::Path& path) {
    std::string scratch;
    const std::string_view text = value.as_string_view(scratch);
    // Dialects that write arguments as text hold JSON in it, which a mask must not break.
    if (text.starts_with('{')) {
      json::Document inner;
      if (inner.parse(text)) return look_inside(inner.root(), value, path);
    }
    TextFilter filter(rules_, side_);
    std::string out;
    if (!filter.feed(text, out) || !filter.finish(out)) return stop(filter.stopped_by(), path);
    if (filter.has_changed()) replace(value, out);
  }

  void look_inside(json::Value inner, json::Value value, const json::Path& path) {
    Screen screen(rules_, side_, false);
    screen.look(inner, path);
    Screened found = std::move(screen).take(inner);
    if (found.stopped_by != nullptr) return stop(found.stopped_by, path);
    if (found.text) replace(value, *found.text);
  }

  void stop(const Rule* rule, const json::Path& path) {
    result_.stopped_by = rule;
    result_.path = path.text();
  }

  void replace(json::Value value, std::string_view text) {
    wire::Splice splice{value.offset(), value.raw().size(), {}};
    json::append_string(splice.text, text);
    splices_.push_back(std::move(splice));
  }

  const Rules& rules_;
  Side side_;
  bool has_silent_members_;
  Screened result_;
  std::vector<wire::Splice> splices_;
};

}  // namespace

bool is_silent_member(std::string_view name) {
  return std::find(silent_members.begin(), silent_members.end(), name) != silent_members.end();
}

Screened screen_request(json::Value root, const Rules& rules) {
  Screen screen(rules, Side::input, true);
  screen.look(root, {});
  return std::move(screen).take(root);
}

Result<std::optional<std::string>> hold_request_to(json::Value root, const Rules* rules) {
  if (rules == nullptr || !rules->has(Side::input)) return std::optional<std::string>();
  Screened screened = screen_request(root, *rules);
  if (screened.stopped_by != nullptr) {
    return Error(ErrorCode::content_filtered,
                 "the request was " + refusal_text(*screened.stopped_by), screened.path);
  }
  return std::move(screened.text);
}

Screened screen_arguments(json::Value root, const Rules& rules) {
  Screen screen(rules, Side::output, false);
  screen.look(root, {});
  return std::move(screen).take(root);
}

}  // namespace weir::guard
