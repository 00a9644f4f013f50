// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Personal data and secrets in text: found by form and checksum, replaced by the name of their
/// kind. All of it takes the text as people read it, not as JSON escapes it, in time linear in the
/// text, and gives the same however the text is cut into pieces.
namespace weir::policy {

enum class PersonalKind : std::uint8_t {
  key,    ///< of the providers whose keys have a known form, and of Weir
  card,   ///< 13 to 19 digits of a payment card's, with a right check digit (Luhn)
  email,  ///< name@domain.tld
  phone,  ///< international with its `+`, or North American with its separators
  iban,   ///< of a country's own length, with a right checksum (mod 97)
};
inline constexpr std::size_t personal_kind_count = 5;
std::string_view name(PersonalKind kind) noexcept;
std::optional<PersonalKind> parse_personal_kind(std::string_view word) noexcept;

/// A set of kinds.
class PersonalKinds {
 public:
  constexpr PersonalKinds() = default;
  static constexpr PersonalKinds all() {
    PersonalKinds kinds;
    kinds.bits_ = (1U << personal_kind_count) - 1;
    return kinds;
  }
  constexpr PersonalKinds& add(PersonalKind kind) {
    bits_ |= 1U << static_cast<unsigned>(kind);
    return *this;
  }
  [[nodiscard]] constexpr bool has(PersonalKind kind) const {
    return (bits_ >> static_cast<unsigned>(kind) & 1U) != 0;
  }
  [[nodiscard]] constexpr bool is_empty() const { return bits_ == 0; }
  friend constexpr bool operator==(PersonalKinds, PersonalKinds) = default;

 private:
  unsigned bits_ = 0;
};

struct PersonalFinding {
  PersonalKind kind = PersonalKind::key;
  std::size_t begin = 0;
  std::size_t end = 0;
};
/// What of `kinds` is in a whole text, in its order; none overlaps another.
std::vector<PersonalFinding> find_personal(std::string_view text, PersonalKinds kinds);

/// A whole text with what was found replaced: `[email]`.
std::string redact(std::string_view text, PersonalKinds kinds);

/// Goes through a text from finding to finding.
class PersonalScanner {
 public:
  /// What is waited for before it is decided at the latest; nothing but a key is longer.
  static constexpr std::size_t view_max = 384;

  explicit PersonalScanner(PersonalKinds kinds) : kinds_(kinds) {}

  struct Step {
    std::size_t size = 0;                   ///< of what was decided on; 0: more text is needed
    std::optional<PersonalKind> kind = {};  ///< of the finding that begins here
    bool is_more = false;                   ///< it belongs to the finding before it
  };
  /// What `rest`, the text from here on as far as it is there, begins with. `is_end`: it ends
  /// there. Precondition: it is not empty.
  Step next(std::string_view rest, bool is_end);

 private:
  Step consumed(std::string_view view, Step step);

  PersonalKinds kinds_;
  char before_ = ' ';
  bool is_inside_key_ = false;  ///< one that is longer than was looked at
};

/// The same as `redact` for a text that comes in pieces. What could still become a finding is held
/// back, less than `PersonalScanner::view_max` bytes of it.
class StreamRedactor {
 public:
  explicit StreamRedactor(PersonalKinds kinds) : kinds_(kinds), scanner_(kinds) {}
  /// What can be passed on now.
  [[nodiscard]] std::string feed(std::string_view piece);
  /// The rest; the text has ended.
  [[nodiscard]] std::string finish();
  /// How many findings there were.
  [[nodiscard]] std::size_t found() const noexcept { return found_; }

 private:
  std::string take(bool is_end);

  PersonalKinds kinds_;
  PersonalScanner scanner_;
  std::string held_;
  std::size_t found_ = 0;
};

}  // namespace weir::policy
