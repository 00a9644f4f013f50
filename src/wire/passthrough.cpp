// SPDX-License-Identifier: Apache-2.0
#include "wire/passthrough.hpp"

#include "json/writer.hpp"
#include "wire/fault.hpp"

namespace weir::wire {

std::size_t string_bytes(std::optional<json::Value> value) {
  return value && value->is_string() ? value->raw().size() - 2 : 0;
}

std::size_t member_bytes(json::Value value, std::initializer_list<std::string_view> keys) {
  if (!value.is_object()) return 0;
  for (const std::string_view key : keys) {
    if (const std::size_t bytes = string_bytes(value.find(key)); bytes > 0) return bytes;
  }
  return 0;
}

Splice model_splice(json::Value root, std::string_view model) {
  Splice splice{root.offset() + 1, 0, {}};
  if (const auto member = root.find("model")) {
    splice = {member->offset(), member->raw().size(), {}};
    json::append_string(splice.text, model);
    return splice;
  }
  splice.text = "\"model\":";
  json::append_string(splice.text, model);
  if (root.size() > 0) splice.text.push_back(',');
  return splice;
}

void append_spliced(json::Value root, std::span<const Splice> splices, std::string& out) {
  const std::string_view text = root.raw();
  std::size_t at = 0;
  for (const Splice& splice : splices) {
    const std::size_t offset = splice.offset - root.offset();
    out.append(text.substr(at, offset - at)).append(splice.text);
    at = offset + splice.removed;
  }
  out.append(text.substr(at));
}

void patch_model(json::Value root, const RequestPatch& patch, std::string& out) {
  if (patch.model.empty()) {
    out.append(root.raw());
    return;
  }
  const Splice splice = model_splice(root, patch.model);
  append_spliced(root, {&splice, 1}, out);
}

std::optional<json::Value> only_member(json::Value object, std::string_view key,
                                       std::string_view beside) {
  std::optional<json::Value> found;
  if (!object.is_object()) return found;
  for (const json::Member member : object.members()) {
    if (member.key.equals(key)) {
      found = member.value;
    } else if (!member.key.equals(beside)) {
      return std::nullopt;
    }
  }
  return found;
}

bool read_frame(std::string_view data, json::Document& scratch, FrameWatch& watch) {
  if (!scratch.parse(data) || !scratch.root().is_object()) {
    watch.fault.emplace();
    watch.fault->code = traits(ErrorCode::upstream_malformed).name;
    watch.fault->message = "an event of the stream is no JSON object";
    return false;
  }
  if (!is_fault(scratch.root())) return true;
  watch.fault = read_fault(0, data);
  return false;
}

}  // namespace weir::wire
