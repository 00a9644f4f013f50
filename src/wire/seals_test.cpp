// SPDX-License-Identifier: Apache-2.0
#include "wire/seals.hpp"

#include <gtest/gtest.h>

namespace weir::wire {
namespace {

Reasoning thought_of(Vendor vendor, std::string signature) {
  Reasoning thought;
  thought.text = "Hm.";
  thought.signature = std::move(signature);
  thought.sealed_by = vendor;
  return thought;
}

ToolCall signed_call() {
  ToolCall call;
  call.id = "c1";
  call.signature = "CpQB";
  return call;
}

// F-8: a thought goes with its seal; what is plain, or sealed by a vendor that is read, stays.
TEST(Seals, F8OnlyTheThoughtsUnderAnUnreadableSealAreTakenOut) {
  ChatRequest request;
  request.origin = Dialect::openai_chat;
  const Reasoning own = thought_of(Vendor::anthropic, "EqQB");
  const Reasoning plain = thought_of(Vendor::unknown, "");
  request.items = {own, thought_of(Vendor::google, "CpQB"), plain, signed_call()};
  drop_seals(request, set_of(Vendor::anthropic));
  ToolCall unsigned_call = signed_call();
  unsigned_call.signature.clear();
  EXPECT_EQ(request.items, (std::vector<Item>{own, plain, unsigned_call}));
}

TEST(Seals, NothingChangesWhereEveryVendorsAreRead) {
  ChatRequest request;
  request.items = {thought_of(Vendor::google, "CpQB"), signed_call()};
  const std::vector<Item> before = request.items;
  drop_seals(request, every_vendor);
  EXPECT_EQ(request.items, before);
}

// Gemini refuses a call of its own without any signature, but takes this word in its place.
TEST(Seals, F8AGeminiCallWithoutItsSignatureSaysThatItHasNone) {
  ChatRequest request;
  request.origin = Dialect::gemini;
  request.items = {signed_call()};
  drop_seals(request, 0);
  EXPECT_EQ(std::get<ToolCall>(request.items.front()).signature, skip_thought_signature);
}

}  // namespace
}  // namespace weir::wire
