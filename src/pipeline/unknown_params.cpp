// SPDX-License-Identifier: Apache-2.0
#include "pipeline/unknown_params.hpp"

#include <utility>

#include "json/document.hpp"
#include "json/writer.hpp"

namespace weir::pipeline {

Result<wire::Extra> take_unknown(wire::ChatRequest& request, UnknownParams policy,
                                 wire::Dialect dialect) {
  // `automatic` is what the codecs do by themselves, and so is forwarding within one dialect.
  const bool is_codecs_work = policy == UnknownParams::automatic ||
                              (policy == UnknownParams::forward && request.origin == dialect);
  if (is_codecs_work || request.extra.empty()) return wire::Extra{};
  if (policy == UnknownParams::reject) {
    return Error(ErrorCode::invalid_request, "is not known here",
                 request.extra.members.front().key);
  }
  return std::exchange(request.extra, {});
}

void apply_unknown(const wire::Extra& unknown, UnknownParams policy, Outgoing& outgoing) {
  if (unknown.empty()) return;
  json::Document document;
  const bool is_object = document.parse(outgoing.body) && document.root().is_object();
  std::string added;
  for (const auto& member : unknown.members) {
    if (policy != UnknownParams::forward || !is_object) {
      outgoing.dropped.push_back(member.key);
    } else if (!document.root().find(member.key)) {
      json::append_string(added, member.key);
      added.append(":").append(member.json).append(",");
    }
  }
  if (added.empty()) return;
  if (document.root().size() == 0) added.pop_back();
  outgoing.body.insert(outgoing.body.find('{') + 1, added);
}

}  // namespace weir::pipeline
