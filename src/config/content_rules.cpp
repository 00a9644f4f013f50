// SPDX-License-Identifier: Apache-2.0
#include "config/content_rules.hpp"

#include <array>
#include <optional>
#include <utility>

namespace weir::config {
namespace {

constexpr std::int64_t length_most = std::int64_t{1} << 30;

// clang-format off
constexpr std::array table{
    field<&ContentRuleText::name>("name", "What a refusal calls it; default: its place in the list"),
    field<&ContentRuleText::on>("on", "`input`, `output` or `both`"),
    field<&ContentRuleText::action>("action", "`block` refuses the request or ends the answer; `mask` replaces what was found"),
    field<&ContentRuleText::with>("with", "What a mask writes"),
    field<&ContentRuleText::words>("words", "Words and phrases, whole and whatever their case"),
    field<&ContentRuleText::pattern>("pattern", "A regular expression in the syntax of RE2"),
    field<&ContentRuleText::pii>("pii", "Kinds of personal data: `email`, `phone`, `card`, `iban`, `key` (API keys)"),
    field<&ContentRuleText::max_length>("max_length", "Most characters of one text; a mask cuts off the rest; 0 is no limit", {0, length_most}),
};
// clang-format on

std::optional<guard::Side> parse_side(std::string_view text) {
  if (text == "both") return guard::Side::both;
  if (text == "input") return guard::Side::input;
  if (text == "output") return guard::Side::output;
  return std::nullopt;
}

std::optional<guard::Action> parse_action(std::string_view text) {
  if (text == "block") return guard::Action::block;
  if (text == "mask") return guard::Action::mask;
  return std::nullopt;
}

void read_rule(const Node& node, const std::string& path, std::size_t place, SectionReader& reader,
               std::vector<guard::RuleSpec>& out) {
  ContentRuleText text;
  reader.read(node, path, content_rule_fields(), text);
  const auto side = parse_side(text.on);
  const auto action = parse_action(text.action);
  if (!side) reader.problem(node.place(), path + ".on", "must be input, output or both");
  if (!action) reader.problem(node.place(), path + ".action", "must be block or mask");
  guard::RuleSpec rule;
  rule.name = text.name.empty() ? "number " + std::to_string(place + 1) : std::move(text.name);
  for (const std::string& word : text.pii) {
    if (const auto kind = policy::parse_personal_kind(word)) {
      rule.personal.add(*kind);
    } else {
      reader.problem(node.place(), path + ".pii", "must be email, phone, card, iban or key");
    }
  }
  rule.on = side.value_or(guard::Side::both);
  rule.action = action.value_or(guard::Action::block);
  rule.with = std::move(text.with);
  rule.words = std::move(text.words);
  rule.pattern = std::move(text.pattern);
  rule.length_max = text.max_length;
  const bool is_told = reader.has_problem_at(path + ".pii");
  const auto compiled = guard::Rules::compile({rule});
  if (!compiled && !is_told) reader.problem(node.place(), path, compiled.error().message);
  out.push_back(std::move(rule));
}

}  // namespace

std::span<const Field<ContentRuleText>> content_rule_fields() { return table; }

void read_content_rules(const Node& node, const std::string& path, SectionReader& reader,
                        std::vector<guard::RuleSpec>& out) {
  if (node.kind == Node::Kind::null) return;
  if (node.kind != Node::Kind::list) {
    reader.problem(node.place(), path, "must be a list of rules");
    return;
  }
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    const std::string full = path + "[" + std::to_string(i) + "]";
    reader.note_source(full, node.items[i].place());
    read_rule(node.items[i], full, i, reader, out);
  }
}

}  // namespace weir::config
