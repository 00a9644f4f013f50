// SPDX-License-Identifier: Apache-2.0
#include "policy/redaction.hpp"

#include <algorithm>
#include <array>

#include "base/ascii.hpp"
#include "base/assert.hpp"
#include "base/redact.hpp"

namespace weir::policy {
namespace {

constexpr std::array<std::string_view, personal_kind_count> kind_names{"key", "card", "email",
                                                                       "phone", "iban"};

/// What stands at the beginning of a text.
struct Guess {
  std::size_t size = 0;   ///< 0: nothing
  bool may_grow = false;  ///< with more text there could be something, or something longer
};

bool is_letter(char c) { return ascii::is_alnum(c) && !ascii::is_digit(c); }

// ---- mail addresses -------------------------------------------------------------------------

constexpr std::size_t local_max = 64;
constexpr std::size_t domain_max = 253;

bool is_local_char(char c) {
  return ascii::is_alnum(c) || std::string_view("._%+-'").find(c) != std::string_view::npos;
}
bool is_domain_char(char c) { return ascii::is_alnum(c) || c == '-' || c == '.'; }

template <class Is>
std::size_t run_size(std::string_view text, std::size_t from, std::size_t max, Is is) {
  std::size_t at = from;
  while (at < text.size() && at - from < max && is(text[at])) ++at;
  return at - from;
}

/// The part of `domain` that is one: labels between dots, the last of two letters at least.
std::size_t domain_size(std::string_view domain) {
  while (!domain.empty() && !ascii::is_alnum(domain.back())) domain.remove_suffix(1);
  const std::size_t dot = domain.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return 0;
  if (domain.find("..") != std::string_view::npos || !ascii::is_alnum(domain.front())) return 0;
  const std::string_view last = domain.substr(dot + 1);
  return last.size() >= 2 && std::all_of(last.begin(), last.end(), is_letter) ? domain.size() : 0;
}

Guess guess_email(std::string_view text) {
  const std::size_t local = run_size(text, 0, local_max, is_local_char);
  if (local == 0) return {};
  if (local == text.size()) return {0, local < local_max};
  if (text[local] != '@') return {};
  const std::size_t run = run_size(text, local + 1, domain_max, is_domain_char);
  const std::size_t domain = domain_size(text.substr(local + 1, run));
  const bool may_grow = local + 1 + run == text.size() && run < domain_max;
  return {domain == 0 ? 0 : local + 1 + domain, may_grow};
}

// ---- payment cards --------------------------------------------------------------------------

constexpr std::size_t card_digits_min = 13;
constexpr std::size_t card_digits_max = 19;

bool is_luhn(std::string_view digits) {
  int sum = 0;
  bool is_doubled = false;
  for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit, is_doubled = !is_doubled) {
    const int value = (*digit - '0') * (is_doubled ? 2 : 1);
    sum += value > 9 ? value - 9 : value;
  }
  return sum % 10 == 0;
}

/// Digits with single blanks or hyphens among them. The longest that is a card's and ends where a
/// group of digits does.
Guess guess_card(std::string_view text) {
  if (text.front() < '2' || text.front() > '6') return {};  // no issuer's number begins otherwise
  std::string digits;
  Guess guess;
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    const bool is_separator = (c == ' ' || c == '-') && ascii::is_digit(text[at - 1]);
    if (!ascii::is_digit(c) && !is_separator) break;
    if (is_separator) continue;
    if (digits.size() == card_digits_max) return {guess.size, false};  // too long for a card
    digits.push_back(c);
    const bool ends_group = at + 1 == text.size() || !ascii::is_alnum(text[at + 1]);
    if (ends_group && digits.size() >= card_digits_min && is_luhn(digits)) guess.size = at + 1;
  }
  guess.may_grow = at == text.size();
  return guess;
}

// ---- bank accounts --------------------------------------------------------------------------

struct CountryIban {
  std::string_view country;
  std::size_t size;
};
/// Source: the IBAN registry (ISO 13616), release 99.
// clang-format off
constexpr std::array iban_sizes{
    CountryIban{"AD", 24}, CountryIban{"AE", 23}, CountryIban{"AL", 28}, CountryIban{"AT", 20},
    CountryIban{"AZ", 28}, CountryIban{"BA", 20}, CountryIban{"BE", 16}, CountryIban{"BG", 22},
    CountryIban{"BH", 22}, CountryIban{"BR", 29}, CountryIban{"BY", 28}, CountryIban{"CH", 21},
    CountryIban{"CR", 22}, CountryIban{"CY", 28}, CountryIban{"CZ", 24}, CountryIban{"DE", 22},
    CountryIban{"DK", 18}, CountryIban{"DO", 28}, CountryIban{"EE", 20}, CountryIban{"EG", 29},
    CountryIban{"ES", 24}, CountryIban{"FI", 18}, CountryIban{"FO", 18}, CountryIban{"FR", 27},
    CountryIban{"GB", 22}, CountryIban{"GE", 22}, CountryIban{"GI", 23}, CountryIban{"GL", 18},
    CountryIban{"GR", 27}, CountryIban{"GT", 28}, CountryIban{"HR", 21}, CountryIban{"HU", 28},
    CountryIban{"IE", 22}, CountryIban{"IL", 23}, CountryIban{"IQ", 23}, CountryIban{"IS", 26},
    CountryIban{"IT", 27}, CountryIban{"JO", 30}, CountryIban{"KW", 30}, CountryIban{"KZ", 20},
    CountryIban{"LB", 28}, CountryIban{"LC", 32}, CountryIban{"LI", 21}, CountryIban{"LT", 20},
    CountryIban{"LU", 20}, CountryIban{"LV", 21}, CountryIban{"MC", 27}, CountryIban{"MD", 24},
    CountryIban{"ME", 22}, CountryIban{"MK", 19}, CountryIban{"MR", 27}, CountryIban{"MT", 31},
    CountryIban{"MU", 30}, CountryIban{"NL", 18}, CountryIban{"NO", 15}, CountryIban{"PK", 24},
    CountryIban{"PL", 28}, CountryIban{"PS", 29}, CountryIban{"PT", 25}, CountryIban{"QA", 29},
    CountryIban{"RO", 24}, CountryIban{"RS", 22}, CountryIban{"SA", 24}, CountryIban{"SC", 31},
    CountryIban{"SE", 24}, CountryIban{"SI", 19}, CountryIban{"SK", 24}, CountryIban{"SM", 27},
    CountryIban{"ST", 25}, CountryIban{"SV", 28}, CountryIban{"TL", 23}, CountryIban{"TN", 24},
    CountryIban{"TR", 26}, CountryIban{"UA", 29}, CountryIban{"VA", 22}, CountryIban{"VG", 24},
    CountryIban{"XK", 20},
};
// clang-format on

/// The first four characters moved to the end, letters as 10 to 35, modulo 97.
bool is_iban_checksum(std::string_view iban) {
  int rest = 0;
  for (std::size_t i = 0; i < iban.size(); ++i) {
    const char c = ascii::to_lower(iban[(i + 4) % iban.size()]);
    rest = ascii::is_digit(c) ? (rest * 10 + (c - '0')) % 97 : (rest * 100 + (c - 'a') + 10) % 97;
  }
  return rest == 1;
}

std::size_t iban_size_of(std::string_view country) {
  const auto* const row = std::find_if(
      iban_sizes.begin(), iban_sizes.end(),
      [&](const CountryIban& one) { return ascii::equals_ignoring_case(one.country, country); });
  return row == iban_sizes.end() ? 0 : row->size;
}

/// With single blanks among its characters, as it is printed.
Guess guess_iban(std::string_view text) {
  std::string iban;
  std::size_t size = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == ' ' && iban.size() >= 4 && text[at - 1] != ' ') continue;
    const bool is_right = iban.size() < 2   ? is_letter(c)
                          : iban.size() < 4 ? ascii::is_digit(c)
                                            : ascii::is_alnum(c);
    if (!is_right) return {};
    iban.push_back(c);
    if (iban.size() == 2) {
      size = iban_size_of(iban);
      if (size == 0) return {};
    }
    if (iban.size() < 4 || iban.size() < size) continue;
    const bool is_last = at + 1 == text.size();
    const bool is_end = is_last || !ascii::is_alnum(text[at + 1]);
    if (!is_end || !is_iban_checksum(iban)) return {};
    return {at + 1, is_last};  // one character more would make another of it
  }
  return {0, true};
}

// ---- telephone numbers ----------------------------------------------------------------------

constexpr std::size_t international_digits_min = 8;
constexpr std::size_t international_digits_max = 15;
constexpr std::size_t phone_bytes_max = 32;

bool is_phone_separator(char c) {
  return std::string_view(" -./()").find(c) != std::string_view::npos;
}

/// `+` and its digits with what people write among them, never two lines.
Guess guess_international(std::string_view text) {
  std::size_t digits = 0;
  std::size_t end = 0;
  std::size_t separators = 0;  // since the last digit
  std::size_t at = 1;
  for (; at < text.size() && at < phone_bytes_max; ++at) {
    if (ascii::is_digit(text[at])) {
      if (++digits > international_digits_max) return {};
      end = at + 1;
      separators = 0;
    } else if (digits == 0 || !is_phone_separator(text[at]) || ++separators > 2) {
      break;
    }
  }
  return {digits < international_digits_min ? 0 : end, at == text.size() && at < phone_bytes_max};
}

/// `(415) 555-0132`, `415-555-0132`, `415.555.0132`: `d` is a digit, `-` a separator. The first
/// digit of area and exchange is 2 to 9.
Guess guess_north_american(std::string_view text) {
  const std::string_view form = text.front() == '(' ? "(Ndd)?Ndd-dddd" : "Ndd-Ndd-dddd";
  std::size_t at = 0;
  for (const char wanted : form) {
    if (at == text.size()) return {0, true};
    const char c = text[at];
    if (wanted == '?') {
      if (c == ' ') ++at;
      continue;
    }
    const bool fits = wanted == 'd'   ? ascii::is_digit(c)
                      : wanted == 'N' ? c >= '2' && c <= '9'
                      : wanted == '-' ? c == '-' || c == '.'
                                      : c == wanted;
    if (!fits) return {};
    ++at;
  }
  if (at == text.size()) return {at, true};
  return ascii::is_alnum(text[at]) ? Guess{} : Guess{at, false};
}

Guess guess_phone(std::string_view text) {
  return text.front() == '+' ? guess_international(text) : guess_north_american(text);
}

// ---- all of them ----------------------------------------------------------------------------

struct Detector {
  PersonalKind kind;
  Guess (*guess)(std::string_view text);  ///< of a text that is not empty
};
Guess guess_known_key(std::string_view text) {
  const KeyGuess key = guess_key(text);
  return {key.size, key.may_grow};
}
/// In the order they are asked: the surest first.
constexpr std::array detectors{
    Detector{PersonalKind::key, guess_known_key}, Detector{PersonalKind::email, guess_email},
    Detector{PersonalKind::iban, guess_iban},     Detector{PersonalKind::card, guess_card},
    Detector{PersonalKind::phone, guess_phone},
};

/// Where something may begin: not inside a word.
bool may_begin(char before, char c) {
  return (c == '+' || c == '(' || ascii::is_alnum(c)) && !ascii::is_alnum(before);
}

}  // namespace

std::string_view name(PersonalKind kind) noexcept {
  return kind_names[static_cast<std::size_t>(kind)];
}

std::optional<PersonalKind> parse_personal_kind(std::string_view word) noexcept {
  const auto* const found = std::find(kind_names.begin(), kind_names.end(), word);
  if (found == kind_names.end()) return std::nullopt;
  return static_cast<PersonalKind>(found - kind_names.begin());
}

/// Longer than anything that is looked for, keys excepted, so that what is found in so much text is
/// what would be found in more.
PersonalScanner::Step PersonalScanner::next(std::string_view rest, bool is_end) {
  WEIR_ASSERT(!rest.empty());
  const std::string_view view = rest.substr(0, view_max);
  const bool is_all = is_end || view.size() == view_max;
  if (is_inside_key_ && is_key_char(view.front())) return consumed(view, {1, {}, true});
  is_inside_key_ = false;
  if (!may_begin(before_, view.front())) return consumed(view, {1});
  for (const Detector& detector : detectors) {
    if (!kinds_.has(detector.kind)) continue;
    const Guess guess = detector.guess(view);
    if (guess.may_grow && !is_all) return {};
    if (guess.size == 0) continue;
    is_inside_key_ = guess.may_grow && view.size() == view_max;
    return consumed(view, {is_inside_key_ ? view.size() : guess.size, detector.kind});
  }
  return consumed(view, {1});
}

PersonalScanner::Step PersonalScanner::consumed(std::string_view view, Step step) {
  before_ = view[step.size - 1];
  return step;
}

std::vector<PersonalFinding> find_personal(std::string_view text, PersonalKinds kinds) {
  std::vector<PersonalFinding> found;
  PersonalScanner scanner(kinds);
  for (std::size_t at = 0; at < text.size();) {
    const PersonalScanner::Step step = scanner.next(text.substr(at), true);
    if (step.kind) found.push_back({*step.kind, at, at});
    at += step.size;
    if (step.kind || step.is_more) found.back().end = at;
  }
  return found;
}

std::string redact(std::string_view text, PersonalKinds kinds) {
  StreamRedactor redactor(kinds);
  std::string out = redactor.feed(text);
  return out.append(redactor.finish());
}

std::string StreamRedactor::feed(std::string_view piece) {
  if (kinds_.is_empty()) return std::string(piece);
  held_.append(piece);
  return take(false);
}

std::string StreamRedactor::finish() { return take(true); }

std::string StreamRedactor::take(bool is_end) {
  std::string out;
  std::size_t at = 0;
  while (at < held_.size()) {
    const std::string_view rest = std::string_view(held_).substr(at);
    const PersonalScanner::Step step = scanner_.next(rest, is_end);
    if (step.size == 0) break;
    if (step.kind) {
      out.append("[").append(name(*step.kind)).append("]");
      ++found_;
    } else if (!step.is_more) {
      out.append(rest.substr(0, step.size));
    }
    at += step.size;
  }
  held_.erase(0, at);
  return out;
}

}  // namespace weir::policy
