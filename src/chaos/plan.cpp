// SPDX-License-Identifier: Apache-2.0
#include "chaos/plan.hpp"

#include "json/object_reader.hpp"

namespace weir::chaos {

Result<> FaultPlan::read(std::string_view json) {
  json::Document document;
  WEIR_TRY(document.parse(json));
  json::Problem problem;
  const json::Path root;
  json::ObjectReader reader(document.root(), root, problem);
  FaultPlan plan;
  WEIR_TRY_ASSIGN(standing, parse_fault(reader.string("always").value_or("")));
  plan.set_standing(std::move(standing));
  if (const auto next = reader.array("next")) {
    for (const json::Value one : next->elements()) {
      WEIR_TRY_ASSIGN(fault, parse_fault(one.is_string() ? one.as_string() : "?"));
      plan.add_next(std::move(fault));
    }
  }
  reader.for_each_unread(
      [&](const std::string& key, json::Value) { reader.fail(key, "unknown member"); });
  WEIR_TRY(problem.result());
  *this = std::move(plan);
  return {};
}

}  // namespace weir::chaos
