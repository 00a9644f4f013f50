// SPDX-License-Identifier: Apache-2.0
#include "pipeline/completion_operation.hpp"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace weir::pipeline {
namespace {

std::string refused_at(std::string_view text) {
  json::Document document;
  EXPECT_TRUE(document.parse(text));
  const auto made = CompletionOperation::make(document.root(), "req_1", 0);
  return made ? "taken" : made.error().param;
}

// E-5: the body may go through as it came, so what would route it is stopped at the door.
TEST(CompletionOperation, RefusesMembersThatRoute) {
  EXPECT_EQ(refused_at(R"({"model":"m","prompt":"a"})"), "taken");
  EXPECT_EQ(refused_at(R"({"model":"m","prompt":"a","base_url":"x"})"), "base_url");
  EXPECT_EQ(refused_at(R"({"model":"m","prompt":"a","extra_body":{"api_key":"x"}})"),
            "extra_body.api_key");
}

}  // namespace
}  // namespace weir::pipeline
