// SPDX-License-Identifier: Apache-2.0
#include "guard/rules.hpp"

#include <algorithm>
#include <utility>

#include <re2/re2.h>

#include "base/ascii.hpp"

namespace weir::guard {
namespace {

constexpr std::int64_t expression_bytes_max = std::int64_t{64} << 20;
/// Of a match whose length is not known ahead.
constexpr std::size_t pattern_look_back = 256;

re2::StringPiece piece(std::string_view text) { return {text.data(), text.size()}; }

RE2::Options options(bool ignores_case) {
  RE2::Options made(RE2::Quiet);
  made.set_case_sensitive(!ignores_case);
  made.set_longest_match(ignores_case);  // of two words the longer, whichever was written first
  made.set_max_mem(expression_bytes_max);
  return made;
}

bool is_word_byte(char c) { return ascii::is_alnum(c) || c == '_'; }

/// One expression for all words. An end that is a letter of ASCII must be the word's end.
std::string expression_of(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text.push_back('|');
    if (is_word_byte(word.front())) text.append("\\b");
    text.append(RE2::QuoteMeta(piece(word)));
    if (is_word_byte(word.back())) text.append("\\b");
  }
  return text;
}

}  // namespace

struct Rule {
  RuleSpec spec;
  std::unique_ptr<const RE2> words;    ///< null: none
  std::unique_ptr<const RE2> pattern;  ///< null: none
};

namespace {

bool is_for(const Rule& rule, Side side) {
  return rule.spec.on == Side::both || rule.spec.on == side;
}

Error bad(const RuleSpec& spec, const std::string& what) {
  return {ErrorCode::invalid_request, "content rule " + spec.name + ": " + what};
}

Result<std::unique_ptr<const RE2>> compile_one(const RuleSpec& spec, const std::string& text,
                                               bool ignores_case) {
  auto made = std::make_unique<const RE2>(piece(text), options(ignores_case));
  if (!made->ok()) return bad(spec, "the pattern can't be used: " + made->error());
  if (RE2::PartialMatch("", *made)) return bad(spec, "the pattern finds nothing everywhere");
  return made;
}

Result<Rule> compile_rule(RuleSpec spec) {
  const bool looks = !spec.words.empty() || !spec.pattern.empty() || !spec.personal.is_empty();
  if (!looks && spec.length_max <= 0) return bad(spec, "looks for nothing");
  Rule rule;
  if (!spec.words.empty()) {
    const bool has_empty = std::any_of(spec.words.begin(), spec.words.end(),
                                       [](const std::string& word) { return word.empty(); });
    if (has_empty) return bad(spec, "a word is empty");
    WEIR_TRY_ASSIGN(words, compile_one(spec, expression_of(spec.words), true));
    rule.words = std::move(words);
  }
  if (!spec.pattern.empty()) {
    WEIR_TRY_ASSIGN(pattern, compile_one(spec, spec.pattern, false));
    rule.pattern = std::move(pattern);
  }
  rule.spec = std::move(spec);
  return rule;
}

std::size_t look_back_of(const Rule& rule) {
  std::size_t bytes = 0;
  for (const std::string& word : rule.spec.words) bytes = std::max(bytes, word.size() + 1);
  if (rule.pattern) bytes = std::max(bytes, pattern_look_back);
  if (!rule.spec.personal.is_empty()) {
    bytes = std::max(bytes, policy::PersonalScanner::view_max);
  }
  return bytes;
}

void find_all(const RE2& expression, const Rule& rule, std::string_view text, std::size_t from,
              std::vector<Finding>& found) {
  re2::StringPiece match;
  while (from < text.size() &&
         expression.Match(piece(text), from, text.size(), RE2::UNANCHORED, &match, 1)) {
    const auto begin = static_cast<std::size_t>(match.data() - text.data());
    if (!match.empty()) found.push_back({begin, begin + match.size(), &rule});
    from = begin + std::max<std::size_t>(1, match.size());
  }
}

void find_by(const Rule& rule, std::string_view text, std::size_t from,
             std::vector<Finding>& found) {
  if (rule.words) find_all(*rule.words, rule, text, from, found);
  if (rule.pattern) find_all(*rule.pattern, rule, text, from, found);
  if (rule.spec.personal.is_empty()) return;
  for (const auto& one : policy::find_personal(text, rule.spec.personal)) {
    if (one.begin >= from) found.push_back({one.begin, one.end, &rule});
  }
}

/// What overlaps becomes one, masked as the first of them says.
void join_overlapping(std::vector<Finding>& found) {
  std::sort(found.begin(), found.end(), [](const Finding& a, const Finding& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end > b.end;
  });
  std::size_t kept = 0;
  for (const Finding& finding : found) {
    if (kept > 0 && finding.begin < found[kept - 1].end) {
      found[kept - 1].end = std::max(found[kept - 1].end, finding.end);
    } else {
      found[kept++] = finding;
    }
  }
  found.resize(kept);
}

}  // namespace

Rules::Rules(std::vector<Rule> rules) : rules_(std::move(rules)) {
  for (const Rule& rule : rules_) look_back_ = std::max(look_back_, look_back_of(rule));
}

Rules::~Rules() = default;

Result<std::shared_ptr<const Rules>> Rules::compile(std::vector<RuleSpec> specs) {
  std::vector<Rule> rules;
  for (RuleSpec& spec : specs) {
    WEIR_TRY_ASSIGN(rule, compile_rule(std::move(spec)));
    rules.push_back(std::move(rule));
  }
  return std::shared_ptr<const Rules>(new Rules(std::move(rules)));
}

bool Rules::has(Side side) const {
  return std::any_of(rules_.begin(), rules_.end(),
                     [&](const Rule& rule) { return is_for(rule, side); });
}

Rules::Findings Rules::find(Side side, std::string_view text, std::size_t from) const {
  Findings all;
  std::vector<Finding> found;
  for (const Rule& rule : rules_) {
    if (!is_for(rule, side)) continue;
    found.clear();
    find_by(rule, text, from, found);
    if (!is_blocking(rule)) {
      all.masked.insert(all.masked.end(), found.begin(), found.end());
      continue;
    }
    for (const Finding& finding : found) {
      if (!all.blocking || finding.end < all.blocking->end) all.blocking = finding;
    }
  }
  join_overlapping(all.masked);
  return all;
}

Rules::LengthLimit Rules::length_limit(Side side) const {
  LengthLimit limit;
  for (const Rule& rule : rules_) {
    const std::int64_t most = rule.spec.length_max;
    if (!is_for(rule, side) || most <= 0) continue;
    if (limit.characters == 0 || most < limit.characters) limit = {most, &rule};
  }
  return limit;
}

bool is_blocking(const Rule& rule) noexcept { return rule.spec.action == Action::block; }
const std::string& name_of(const Rule& rule) noexcept { return rule.spec.name; }
const std::string& mask_of(const Rule& rule) noexcept { return rule.spec.with; }

std::string refusal_text(const Rule& rule) {
  return "stopped by the content rule '" + name_of(rule) + "'";
}

}  // namespace weir::guard
