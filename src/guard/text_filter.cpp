// SPDX-License-Identifier: Apache-2.0
#include "guard/text_filter.hpp"

#include <algorithm>

namespace weir::guard {
namespace {

/// Before what is looked at, for rules that look at a word's neighbours.
constexpr std::size_t context_bytes = 16;
/// A finding that grows with every piece is taken as it is from here on.
constexpr std::size_t growing_max = 4096;

bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

/// `at`, or the beginning of the character that it is inside of.
std::size_t character_begin(std::string_view text, std::size_t at) {
  while (at > 0 && at < text.size() && continues_character(text[at])) --at;
  return at;
}

/// The bytes of the first `characters` of `text`.
std::size_t bytes_of(std::string_view text, std::int64_t characters) {
  std::size_t at = 0;
  while (at < text.size()) {
    if (!continues_character(text[at]) && characters-- == 0) break;
    ++at;
  }
  return at;
}

std::int64_t characters_in(std::string_view text) {
  return static_cast<std::int64_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !continues_character(c); }));
}

}  // namespace

TextFilter::TextFilter(const Rules& rules, Side side)
    : rules_(rules), side_(side), limit_(rules.length_limit(side)) {}

bool TextFilter::feed(std::string_view piece, std::string& out) {
  if (stopped_by_ != nullptr) return false;
  text_.append(piece);
  return look(false, out);
}

bool TextFilter::finish(std::string& out) {
  if (stopped_by_ != nullptr) return false;
  return look(true, out);
}

bool TextFilter::look(bool is_over, std::string& out) {
  const std::size_t end = text_.size();
  const std::string_view text = text_;
  const Rules::Findings found = rules_.find(side_, text, from_);
  // What touches the end may be longer, or another word, once more has come.
  const auto is_certain = [&](const Finding& finding) {
    return is_over || finding.end < end || finding.end - finding.begin > growing_max;
  };
  std::size_t until = is_over ? end : end - std::min(end - from_, rules_.look_back());
  if (found.blocking) {
    if (is_certain(*found.blocking)) {
      stopped_by_ = found.blocking->rule;
      return false;
    }
    until = std::min(until, found.blocking->begin);
  }
  std::size_t at = from_;
  for (const Finding& finding : found.masked) {
    if (finding.begin >= until) break;
    if (!is_certain(finding)) {
      until = finding.begin;
      break;
    }
    if (!pass(text.substr(at, finding.begin - at), out)) return false;
    if (!pass(mask_of(*finding.rule), out)) return false;
    has_changed_ = true;
    at = finding.end;
  }
  until = std::max(at, character_begin(text, until));
  if (!pass(text.substr(at, until - at), out)) return false;
  from_ = until;
  forget();
  return true;
}

/// Within the longest that is allowed.
bool TextFilter::pass(std::string_view text, std::string& out) {
  if (limit_.characters == 0) {
    out.append(text);
    return true;
  }
  const std::int64_t left = limit_.characters - characters_;
  characters_ += characters_in(text);
  if (characters_ <= limit_.characters) {
    out.append(text);
    return true;
  }
  if (is_blocking(*limit_.rule)) {
    stopped_by_ = limit_.rule;
    return false;
  }
  out.append(text.substr(0, bytes_of(text, std::max<std::int64_t>(0, left))));
  has_changed_ = is_cut_ = true;
  return true;
}

void TextFilter::forget() {
  if (from_ <= context_bytes) return;
  const std::size_t begin = character_begin(text_, from_ - context_bytes);
  text_.erase(0, begin);
  from_ -= begin;
}

}  // namespace weir::guard
