// SPDX-License-Identifier: Apache-2.0
#include "wire/text_mender.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "base/utf8.hpp"

namespace weir::wire {
namespace {

constexpr std::string_view replacement_character = "\xEF\xBF\xBD";
constexpr std::size_t escape_size = 6;  // \uXXXX

/// `\uXXXX` in the range of surrogates whose third digit lies within `digits`.
bool is_surrogate(std::string_view text, std::string_view digits) {
  return text.size() >= escape_size && text.starts_with("\\u") &&
         (text[2] == 'd' || text[2] == 'D') && digits.find(text[3]) != std::string_view::npos;
}
bool is_high_surrogate(std::string_view text) { return is_surrogate(text, "89abAB"); }
bool is_low_surrogate(std::string_view text) { return is_surrogate(text, "cdefCDEF"); }

/// A surrogate may be in it. Pairs are as well, and what only looks like one.
bool may_hold_surrogates(std::string_view text) {
  for (std::size_t at = text.find("\\u"); at != std::string_view::npos;
       at = text.find("\\u", at + 1)) {
    const std::string_view rest = text.substr(at);
    if (is_high_surrogate(rest) || is_low_surrogate(rest)) return true;
  }
  return false;
}

bool is_sound(std::string_view text) {
  return valid_utf8_prefix(text) == text.size() && !may_hold_surrogates(text);
}

/// Where the string that begins `text`, behind its quote, ends: at its other quote.
std::size_t end_of_string(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '"') return at;
    if (text[at] == '\\') ++at;  // also one that stands before a quote
  }
  return text.size();
}

/// What stands behind a string, its quote first, makes it the name of a member.
bool names_a_member(std::string_view behind) {
  const std::size_t next = behind.find_first_not_of(" \t\r\n", 1);
  return next != std::string_view::npos && behind[next] == ':';
}

}  // namespace

std::string_view TextMender::event(std::string_view text) {
  has_gone_on_ = false;
  if (held_.empty() && is_sound(text)) return text;
  return mend(text, true);
}

std::string_view TextMender::whole(std::string_view text) {
  if (is_sound(text)) return text;
  return mend(text, false);
}

std::string_view TextMender::mend(std::string_view text, bool may_hold) {
  out_.clear();
  key_ = {};
  is_of_newest_ = false;
  for (;;) {
    const std::size_t quote = text.find('"');
    if (quote == std::string_view::npos) break;
    out_.append(text.substr(0, quote + 1));
    text.remove_prefix(quote + 1);
    const std::size_t end = end_of_string(text);
    const std::string_view inside = text.substr(0, end);
    const bool is_name = names_a_member(text.substr(end));
    if (is_name) key_ = inside;
    append_string(inside, may_hold && !is_name);
    text.remove_prefix(end);
    if (text.empty()) break;  // the string has no end
    out_.push_back('"');
    text.remove_prefix(1);
  }
  out_.append(text);
  if (is_holding() && is_of_newest_) holder_ = out_;
  return out_;
}

std::string TextMender::marked() const {
  std::string event = holder_;
  return event.insert(holder_end_, replacement_character);
}

std::string_view TextMender::give_up(Rest rest) {
  held_.clear();
  if (rest == Rest::is_out) {
    holder_.erase(holder_begin_, holder_end_ - holder_begin_);
    holder_end_ = holder_begin_;
  }
  holder_.insert(holder_end_, replacement_character);
  return holder_;
}

void TextMender::append_string(std::string_view inside, bool may_hold) {
  begin_ = out_.size();
  // Strings of one event are different texts, whatever their names.
  const bool may_go_on = may_hold && is_holding() && !is_of_newest_;
  if (may_go_on && key_ == held_key_) inside = complete(inside);
  while (!inside.empty()) {
    if (inside.front() == '\\') {
      inside = append_escape(inside, may_hold);
    } else {
      inside = append_sequence(inside, may_hold);
    }
  }
}

std::string_view TextMender::append_escape(std::string_view rest, bool may_hold) {
  const bool is_first = is_high_surrogate(rest);
  if (!is_first && !is_low_surrogate(rest)) {
    out_.append(rest.substr(0, 2));
    return rest.substr(std::min<std::size_t>(2, rest.size()));
  }
  const std::string_view behind = rest.substr(escape_size);
  if (is_first && is_low_surrogate(behind)) {
    out_.append(rest.substr(0, 2 * escape_size));
    return behind.substr(escape_size);
  }
  if (is_first && behind.empty() && may_hold) {
    hold(rest);
  } else {
    out_.append(replacement_character);
  }
  return behind;
}

std::string_view TextMender::append_sequence(std::string_view rest, bool may_hold) {
  const Utf8Char first = decode_utf8(rest);
  if (first.is_partial && may_hold) {
    hold(rest);
    return {};
  }
  if (first.bytes == 0) {
    out_.append(replacement_character);
    return first.is_partial ? std::string_view() : rest.substr(1);
  }
  out_.append(rest.substr(0, first.bytes));
  return rest.substr(first.bytes);
}

std::string_view TextMender::complete(std::string_view inside) {
  if (inside.empty()) return inside;
  has_gone_on_ = true;
  std::string joined = std::exchange(held_, {});
  std::size_t used = 0;
  if (joined.front() == '\\') {
    if (is_low_surrogate(inside)) used = escape_size;
    joined.append(inside.substr(0, used));
    out_.append(used > 0 ? std::string_view(joined) : replacement_character);
    return inside.substr(used);
  }
  while (used < inside.size() && decode_utf8(joined).is_partial) joined.push_back(inside[used++]);
  const Utf8Char whole = decode_utf8(joined);
  if (whole.is_partial) {
    hold(joined);
    return {};
  }
  if (whole.bytes == joined.size()) {
    out_.append(joined);
    return inside.substr(used);
  }
  out_.append(replacement_character);
  return inside;
}

void TextMender::hold(std::string_view half) {
  if (is_holding() && is_of_newest_) {
    out_.insert(holder_end_, replacement_character);  // two can't wait
    begin_ += replacement_character.size();
  }
  held_.assign(half);
  held_key_.assign(key_);
  holder_begin_ = begin_;
  holder_end_ = out_.size();
  is_of_newest_ = true;
}

}  // namespace weir::wire
