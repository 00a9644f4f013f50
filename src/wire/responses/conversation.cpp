// SPDX-License-Identifier: Apache-2.0
#include "wire/responses/conversation.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <system_error>
#include <vector>

#include "json/object_reader.hpp"
#include "json/writer.hpp"
#include "wire/passthrough.hpp"
#include "wire/responses/items.hpp"

namespace weir::wire::responses {
namespace {

/// A JSON array written element by element.
class ListText {
 public:
  void add(std::string_view json) {
    text_.push_back(text_.empty() ? '[' : ',');
    text_.append(json);
  }
  void add_elements(json::Value list) {
    if (!list.is_array()) return;
    for (const json::Value element : list.elements()) add(element.raw());
  }
  [[nodiscard]] std::string text() && { return text_.empty() ? "[]" : std::move(text_) + "]"; }

 private:
  std::string text_;
};

void add_own_items(json::Value request, ListText& list) {
  const auto input = request.find("input");
  if (!input) return;
  if (input->is_array()) return list.add_elements(*input);
  if (!input->is_string()) return;
  std::string message = R"({"type":"message","role":"user","content":)";
  list.add(message.append(input->raw()).append("}"));
}

struct Setting {
  std::string_view key;
  std::string_view json;
};

/// The text of `request`, an object, with these members changed, or added where they are missing.
std::string with_members(json::Value request, std::span<const Setting> settings) {
  std::vector<Splice> splices;
  std::string added;
  for (const Setting& setting : settings) {
    if (const auto found = request.find(setting.key)) {
      splices.push_back({found->offset(), found->raw().size(), std::string(setting.json)});
      continue;
    }
    if (!added.empty()) added.push_back(',');
    json::append_string(added, setting.key);
    added.append(":").append(setting.json);
  }
  if (!added.empty()) {
    if (request.size() > 0) added.push_back(',');
    splices.push_back({request.offset() + 1, 0, std::move(added)});
  }
  std::sort(splices.begin(), splices.end(),
            [](const Splice& a, const Splice& b) { return a.offset < b.offset; });
  std::string out;
  append_spliced(request, splices, out);
  return out;
}

/// Lists show content as parts, whichever way it came in.
void write_content(json::Writer& json, json::Value content, std::string_view role) {
  if (!content.is_string()) {
    json.raw(content.raw());
    return;
  }
  json.begin_array().begin_object();
  json.member("type", role == "assistant" ? "output_text" : "input_text");
  json.key("text").raw(content.raw());
  if (role == "assistant") json.key("annotations").raw("[]");
  json.end_object().end_array();
}

struct Listed {
  std::string id;
  std::string json;
};

Listed listed_item(json::Value item, std::string_view response_id, std::size_t place) {
  const auto type = item.find("type");
  const auto role = item.find("role");
  const bool is_message = !type || type->equals("message");
  const auto own_id = item.find("id");
  Listed listed;
  // Not the ids of the answer's own items, which have their places, too.
  listed.id =
      own_id && own_id->is_string()
          ? own_id->as_string()
          : derived_item_id(is_message ? "msg" : "item", std::string(response_id) + "in", place);
  json::Writer json(listed.json);
  json.begin_object().member("id", listed.id);
  if (!type) json.member("type", "message");
  if (is_message && !item.find("status")) json.member("status", "completed");
  for (const json::Member member : item.members()) {
    if (member.key.equals("id")) continue;
    json.key(member.key.as_string());
    if (is_message && member.key.equals("content")) {
      write_content(json, member.value, role && role->is_string() ? role->as_string() : "");
    } else {
      json.raw(member.value.raw());
    }
  }
  json.end_object();
  return listed;
}

/// Calls `visit(item, id)` for each reference in the input, in order. Clients may leave the type
/// out.
template <class Visit>
void for_each_reference(json::Value request, Visit&& visit) {
  const auto input = request.find("input");
  if (!input || !input->is_array()) return;
  for (const json::Value item : input->elements()) {
    const auto type = item.find("type");
    const auto id = item.find("id");
    const bool is_bare = !type && item.is_object() && item.size() == 1;
    const bool is_reference = is_bare || (type && type->equals("item_reference"));
    if (is_reference && id && id->is_string()) visit(item, id->as_string());
  }
}

}  // namespace

Result<StateWishes> read_state_wishes(json::Value request) {
  json::Problem problem;
  const json::Path path;
  json::ObjectReader reader(request, path, problem);
  StateWishes wishes;
  wishes.store = reader.boolean("store").value_or(true);
  wishes.background = reader.boolean("background").value_or(false);
  wishes.previous_response_id = reader.string("previous_response_id").value_or("");
  if (wishes.background && !wishes.store) {
    reader.fail("store", "must be true for a response in the background");
  }
  WEIR_TRY(problem.result());
  return wishes;
}

std::string added_items(json::Value request) {
  ListText list;
  add_own_items(request, list);
  return std::move(list).text();
}

std::string with_turns(json::Value request, std::span<const Turn> turns) {
  ListText list;
  json::Document document;
  for (const Turn& turn : turns) {
    if (document.parse(turn.input)) list.add_elements(document.root());
    if (!document.parse(turn.response)) continue;
    if (const auto output = document.root().find("output")) list.add_elements(*output);
  }
  add_own_items(request, list);
  const std::string input = std::move(list).text();
  return with_members(request,
                      std::array{Setting{"input", input}, Setting{"previous_response_id", "null"}});
}

std::size_t items_before(json::Value request, json::Value expanded) {
  const auto count = [](json::Value root) -> std::size_t {
    const auto input = root.find("input");
    if (!input) return 0;
    return input->is_array() ? input->size() : 1;
  };
  return count(expanded) - count(request);
}

std::string own_path(const std::string& path, std::size_t items_before) {
  constexpr std::string_view list = "input[";
  if (items_before == 0 || !path.starts_with(list)) return path;
  std::size_t item = 0;
  const char* const last = path.data() + path.size();
  const auto [end, error] = std::from_chars(path.data() + list.size(), last, item);
  if (error != std::errc()) return path;
  if (item < items_before) return "previous_response_id";
  return std::string(list) + std::to_string(item - items_before) + std::string(end, last);
}

std::vector<std::string> referenced_items(json::Value request) {
  std::vector<std::string> ids;
  for_each_reference(request, [&](json::Value /*item*/, std::string id) {
    if (is_derived_item_id(id)) ids.push_back(std::move(id));
  });
  return ids;
}

std::string answer_of_item(std::string_view item_id) {
  const auto first = item_id.find('_') + 1;
  return "resp_" + std::string(item_id.substr(first, item_id.rfind('_') - first));
}

std::string find_output_item(std::string_view response, std::string_view id) {
  json::Document document;
  const auto output = document.parse(response) ? document.root().find("output") : std::nullopt;
  if (!output || !output->is_array()) return {};
  for (const json::Value item : output->elements()) {
    const auto item_id = item.find("id");
    if (item_id && item_id->equals(id)) return std::string(item.raw());
  }
  return {};
}

std::string with_items(json::Value request, std::span<const KeptItem> items) {
  std::vector<Splice> splices;
  for_each_reference(request, [&](json::Value item, const std::string& id) {
    const auto kept = std::find_if(items.begin(), items.end(),
                                   [&](const KeptItem& each) { return each.id == id; });
    if (kept != items.end()) splices.push_back({item.offset(), item.raw().size(), kept->json});
  });
  std::string out;
  append_spliced(request, splices, out);
  return out;
}

void append_input_items(std::string_view input, std::string_view response_id,
                        const PageWishes& wishes, std::string& out) {
  std::vector<Listed> items;
  json::Document document;
  if (document.parse(input) && document.root().is_array()) {
    for (const json::Value item : document.root().elements()) {
      if (item.is_object()) items.push_back(listed_item(item, response_id, items.size()));
    }
  }
  if (!wishes.is_ascending) std::reverse(items.begin(), items.end());
  auto first = items.begin();
  if (!wishes.after.empty()) {
    const auto at = std::find_if(items.begin(), items.end(),
                                 [&](const Listed& item) { return item.id == wishes.after; });
    first = at == items.end() ? at : at + 1;
  }
  const auto count =
      std::min<std::size_t>(wishes.limit, static_cast<std::size_t>(items.end() - first));
  const auto last = first + static_cast<std::ptrdiff_t>(count);

  json::Writer json(out);
  json.begin_object().member("object", "list").key("data").begin_array();
  for (auto item = first; item != last; ++item) json.raw(item->json);
  json.end_array();
  for (const std::string_view key : {"first_id", "last_id"}) {
    json.key(key);
    if (count == 0) {
      json.null();
    } else {
      json.string(key == "first_id" ? first->id : (last - 1)->id);
    }
  }
  json.member("has_more", last != items.end()).end_object();
}

}  // namespace weir::wire::responses
