// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "config/field_table.hpp"
#include "config/section_reader.hpp"
#include "guard/rules.hpp"

namespace weir::config {

/// One entry of `content_rules:`, as it is written.
struct ContentRuleText {
  std::string name;
  std::string on = "both";
  std::string action = "block";
  std::string with = "[removed]";
  std::vector<std::string> words;
  std::string pattern;
  std::vector<std::string> pii;
  std::int64_t max_length = 0;
};
std::span<const Field<ContentRuleText>> content_rule_fields();

/// Reads a list of rules into `out`. Problems: words that are none, patterns that can't be used.
void read_content_rules(const Node& node, const std::string& path, SectionReader& reader,
                        std::vector<guard::RuleSpec>& out);

}  // namespace weir::config
