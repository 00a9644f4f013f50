// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "json/document.hpp"
#include "weir/result.hpp"

namespace weir::json {

/// Where a value stands, as a chain of stack frames; becomes text only when something is wrong.
struct Path {
  const Path* parent = nullptr;
  std::string_view key;  ///< a member's name, or empty for an element
  std::size_t element = 0;
  /// For example `messages[2].content`; empty for the root.
  [[nodiscard]] std::string text() const;
};

/// The path of the value that starts at `offset` of the text; empty for the root, and where none
/// does.
std::string path_at(Value root, std::size_t offset);

/// The first thing found wrong in a document; later ones are ignored.
class Problem {
 public:
  void set(ErrorCode code, const Path& path, std::string message);
  [[nodiscard]] bool is_set() const noexcept { return error_.has_value(); }
  /// Precondition: is_set().
  [[nodiscard]] const Error& error() const { return *error_; }
  [[nodiscard]] Result<> result() const;

 private:
  std::optional<Error> error_;
};

/// Reads one object by the names of its members.
///
/// Every getter marks its member as read; what was never asked for stays available through
/// `for_each_unread`, so that unknown members can be kept or named. A member asked for that stands
/// there twice, or has another type, sets the `Problem` with its path; the getter then answers
/// "absent". An explicit null counts as absent, except for `value`.
///
/// Errors are collected in `problem`, so decoders read straight through and check once at the end.
class ObjectReader {
 public:
  /// Precondition: `path` and `problem` outlive the reader. A `value` that is no object sets the
  /// problem and reads as empty.
  ObjectReader(Value value, const Path& path, Problem& problem);

  /// False where no member is called `key`; true says nothing.
  [[nodiscard]] bool may_hold(std::string_view key) const noexcept;

  /// Any type, null included.
  std::optional<Value> value(std::string_view key);
  std::optional<Value> object(std::string_view key);
  std::optional<Value> array(std::string_view key);
  std::optional<std::string> string(std::string_view key);
  std::optional<bool> boolean(std::string_view key);
  std::optional<std::int64_t> integer(std::string_view key,
                                      std::int64_t min = std::numeric_limits<std::int64_t>::min(),
                                      std::int64_t max = std::numeric_limits<std::int64_t>::max());
  std::optional<double> number(std::string_view key,
                               double min = std::numeric_limits<double>::lowest(),
                               double max = std::numeric_limits<double>::max());
  /// Must be there and not null; otherwise sets the problem and answers an empty string.
  std::string required_string(std::string_view key);
  /// Marks a member as read without looking at it.
  void skip(std::string_view key);

  /// Sets the problem `invalid_request` at member `key` of this object (or at the object itself
  /// when `key` is empty).
  void fail(std::string_view key, std::string message);

  /// The path of a member of this object; it points at this reader's own path.
  [[nodiscard]] Path path(std::string_view key) const { return {&path_, key, 0}; }
  [[nodiscard]] const Path& path() const { return path_; }
  [[nodiscard]] Problem& problem() { return problem_; }

  /// Calls `visit(name, value)` for every member that no getter asked for, in order.
  template <class Visit>
  void for_each_unread(Visit&& visit) const {
    if (!is_object_) return;
    std::size_t i = 0;
    for (const Member member : object_.members()) {
      if (!is_read(i++)) visit(member.key.as_string(), member.value);
    }
  }

 private:
  [[nodiscard]] bool is_read(std::size_t member) const;
  void mark(std::size_t member);
  void expect(std::string_view key, Value value, std::string_view wanted);

  Value object_;
  const Path& path_;
  Problem& problem_;
  bool is_object_ = false;
  std::uint64_t bits_ = 0;         ///< of the names that may be there; none where this is no object
  std::uint64_t read_ = 0;         ///< the first 64 members
  std::vector<bool> read_beyond_;  ///< the rest, seldom needed
};

}  // namespace weir::json
