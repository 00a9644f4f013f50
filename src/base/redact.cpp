// SPDX-License-Identifier: Apache-2.0
#include "base/redact.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/ascii.hpp"

namespace weir {
namespace {

constexpr std::string_view ellipsis = "\xE2\x80\xA6";
constexpr std::size_t shown_max = 4;           // of a secret's end
constexpr std::size_t shown_from = 16;         // shorter secrets show nothing of themselves
constexpr std::size_t scheme_token_min = 8;    // behind Bearer and Basic
constexpr std::size_t random_word_min = 20;    // beside the word key
constexpr std::size_t random_base64_min = 32;  // the same with / and +, which paths have too
constexpr std::size_t window_before = 24;
constexpr std::size_t window_after = 16;

/// How the keys of one issuer begin, and how many characters must follow at least.
struct KeyForm {
  std::string_view prefix;
  std::size_t body_min;
};
constexpr std::array key_forms{
    KeyForm{"sk-", 8},          KeyForm{"sk_", 16},   KeyForm{"AIza", 16},  KeyForm{"AQ.", 16},
    KeyForm{"ya29.", 16},       KeyForm{"AKIA", 12},  KeyForm{"ASIA", 12},  KeyForm{"ABSK", 16},
    KeyForm{"eyJ", 20},         KeyForm{"gsk_", 16},  KeyForm{"xai-", 16},  KeyForm{"hf_", 16},
    KeyForm{"r8_", 16},         KeyForm{"pplx-", 16}, KeyForm{"csk-", 16},  KeyForm{"fw_", 16},
    KeyForm{"nvapi-", 16},      KeyForm{"tgp_", 16},  KeyForm{"jina_", 16}, KeyForm{"dapi", 32},
    KeyForm{"weir-admin-", 16},
};
constexpr std::array<std::string_view, 2> schemes{"bearer", "basic"};
constexpr std::array<std::string_view, 4> key_words{"key", "secret", "password", "credential"};

bool is_token_char(char c) {
  return is_key_char(c) || c == '~' || c == '+' || c == '/' || c == '=';
}
bool is_base64_char(char c) { return ascii::is_alnum(c) || c == '+' || c == '/'; }

template <class Is>
std::size_t run_end(std::string_view text, std::size_t at, Is is) {
  while (at < text.size() && is(text[at])) ++at;
  return at;
}

bool looks_random(std::string_view word) {
  bool has_digit = false;
  bool has_lower = false;
  bool has_upper = false;
  bool has_sign = false;
  for (const char c : word) {
    has_digit = has_digit || ascii::is_digit(c);
    has_lower = has_lower || (c >= 'a' && c <= 'z');
    has_upper = has_upper || (c >= 'A' && c <= 'Z');
    has_sign = has_sign || c == '+' || c == '/';
  }
  if (has_sign) return word.size() >= random_base64_min && has_digit && has_lower && has_upper;
  return word.size() >= random_word_min && has_digit && (has_lower || has_upper);
}

class Redactor {
 public:
  explicit Redactor(std::string_view text) : text_(text) { out_.reserve(text.size()); }

  std::string run() {
    while (at_ < text_.size()) {
      const bool is_word_start = ascii::is_alnum(text_[at_]) && !is_inside_word();
      if (is_word_start && (take_key() || take_scheme())) continue;
      if (at_ >= base64_end_ && take_random_word()) continue;
      if (take_user_info()) continue;
      out_.push_back(text_[at_++]);
    }
    return std::move(out_);
  }

 private:
  [[nodiscard]] bool is_inside_word() const { return at_ > 0 && ascii::is_alnum(text_[at_ - 1]); }

  void hide(std::size_t end) {
    const std::string_view secret = text_.substr(at_, end - at_);
    out_.append(ellipsis);
    if (secret.size() >= shown_from) out_.append(secret.substr(secret.size() - shown_max));
    at_ = end;
  }

  bool take_key() {
    const KeyGuess key = guess_key(text_.substr(at_));
    if (key.size == 0) return false;
    const auto* const form =
        std::find_if(key_forms.begin(), key_forms.end(),
                     [&](const KeyForm& one) { return text_.substr(at_).starts_with(one.prefix); });
    const std::size_t end = at_ + key.size;
    out_.append(form->prefix);
    at_ += form->prefix.size();
    hide(end);
    return true;
  }

  bool take_scheme() {
    for (const std::string_view scheme : schemes) {
      const std::size_t word_end = at_ + scheme.size();
      if (!ascii::equals_ignoring_case(text_.substr(at_, scheme.size()), scheme)) continue;
      const std::size_t token = run_end(text_, word_end, [](char c) { return c == ' '; });
      const std::size_t end = run_end(text_, token, is_token_char);
      const std::string_view word = text_.substr(token, end - token);
      // "Bearer authentication" is prose.
      const bool is_secret =
          std::any_of(word.begin(), word.end(), ascii::is_digit) || word.size() >= random_word_min;
      if (token == word_end || word.size() < scheme_token_min || !is_secret) return false;
      out_.append(text_.substr(at_, token - at_));
      at_ = token;
      hide(end);
      return true;
    }
    return false;
  }

  /// Looks at each run of base64 characters once, at its start.
  bool take_random_word() {
    base64_end_ = run_end(text_, at_, is_base64_char);
    if (!looks_random(text_.substr(at_, base64_end_ - at_))) return false;
    const std::size_t from = at_ - std::min(at_, window_before);
    if (!names_a_key(text_.substr(from, at_ - from)) &&
        !names_a_key(text_.substr(base64_end_, window_after))) {
      return false;
    }
    hide(base64_end_);
    return true;
  }

  static bool names_a_key(std::string_view window) {
    return std::any_of(key_words.begin(), key_words.end(), [&](std::string_view word) {
      return ascii::find_ignoring_case(window, word) != std::string_view::npos;
    });
  }

  /// `scheme://user:password@host`: everything before the `@`.
  bool take_user_info() {
    constexpr std::string_view mark = "://";
    if (!text_.substr(at_).starts_with(mark)) return false;
    const std::size_t authority = at_ + mark.size();
    const std::size_t end = text_.find_first_of("/?# \t\r\n\"'<>", authority);
    const std::string_view host = text_.substr(authority, end - authority);
    const std::size_t sign = host.rfind('@');
    if (sign == std::string_view::npos) return false;
    out_.append(mark).append(ellipsis);
    at_ = authority + sign;
    return true;
  }

  std::string_view text_;
  std::string out_;
  std::size_t at_ = 0;
  std::size_t base64_end_ = 0;  ///< of the run that was looked at last
};

}  // namespace

bool is_key_char(char c) noexcept {
  // Stars: some providers show a key with its middle masked.
  return ascii::is_alnum(c) || c == '-' || c == '_' || c == '.' || c == '*';
}

KeyGuess guess_key(std::string_view text) noexcept {
  KeyGuess guess;
  for (const KeyForm& form : key_forms) {
    if (form.prefix.starts_with(text)) guess.may_grow = true;  // too little to tell
    if (!text.starts_with(form.prefix)) continue;
    const std::size_t run = run_end(text, form.prefix.size(), is_key_char);
    std::size_t end = run;
    while (end > form.prefix.size() && !ascii::is_alnum(text[end - 1])) --end;  // a full stop
    guess.may_grow = run == text.size();
    if (end - form.prefix.size() >= form.body_min) guess.size = end;
    return guess;
  }
  return guess;
}

std::string redacted(std::string_view text) { return Redactor(text).run(); }

std::string redacted_message(std::string_view text, std::size_t bytes_max) {
  std::string message = redacted(text);
  if (message.size() <= bytes_max) return message;
  const auto is_continuation = [&](std::size_t at) {
    return (static_cast<unsigned char>(message[at]) & 0xC0U) == 0x80U;
  };
  // A sequence has three continuation bytes at most; more of them are no UTF-8 anyway.
  std::size_t end = bytes_max;
  while (end > 0 && bytes_max - end < 3 && is_continuation(end)) --end;
  message.resize(end);
  return message;
}

}  // namespace weir
