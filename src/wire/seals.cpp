// SPDX-License-Identifier: Apache-2.0
#include "wire/seals.hpp"

#include <algorithm>
#include <vector>

namespace weir::wire {
namespace {

bool is_kept(Vendor vendor, VendorSet kept) {
  return vendor == Vendor::unknown || (kept & set_of(vendor)) != 0;
}

bool is_sealed(const Reasoning& reasoning) {
  return !reasoning.signature.empty() || !reasoning.encrypted.empty();
}

void drop_thought_signature(Extra& extra) {
  std::erase_if(extra.members, [](const Extra::RawMember& member) {
    return member.key == "thoughtSignature" || member.key == "thought_signature" ||
           member.key == "extra_content";
  });
}

/// Only Gemini's calls and texts are signed.
void drop_thought_signature(Item& item, Dialect origin) {
  if (auto* call = std::get_if<ToolCall>(&item)) {
    const bool is_checked = origin == Dialect::gemini && !call->signature.empty();
    call->signature = is_checked ? skip_thought_signature : std::string_view();
    drop_thought_signature(call->extra);
  } else if (auto* message = std::get_if<Message>(&item)) {
    for (Part& part : message->parts) drop_thought_signature(part.extra);
  }
}

}  // namespace

void drop_seals(ChatRequest& request, VendorSet kept) {
  if (kept == every_vendor) return;
  std::erase_if(request.items, [kept](const Item& item) {
    const auto* reasoning = std::get_if<Reasoning>(&item);
    return reasoning != nullptr && is_sealed(*reasoning) && !is_kept(reasoning->sealed_by, kept);
  });
  if (is_kept(Vendor::google, kept)) return;
  for (Item& item : request.items) drop_thought_signature(item, request.origin);
}

}  // namespace weir::wire
