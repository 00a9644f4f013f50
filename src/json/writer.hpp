// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::json {

/// Appends `text` as a JSON string, quotes included. Invalid UTF-8 becomes U+FFFD, so that what we
/// emit is valid whatever came in.
void append_string(std::string& out, std::string_view text);

/// Appends `raw`, a valid JSON text, without the white space between its tokens. Numbers and
/// escapes keep their bytes.
void append_compact(std::string& out, std::string_view raw);

/// Writes JSON by appending to a string it doesn't own. Commas come by themselves; closing what was
/// opened is the caller's duty (asserted at the end of each object and array).
///
///     json::Writer json(out);
///     json.begin_object().member("id", id).key("usage").raw(usage).end_object();
class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  Writer& begin_object();
  Writer& end_object();
  Writer& begin_array();
  Writer& end_array();
  /// Starts a member of the open object; one value must follow.
  Writer& key(std::string_view name);

  Writer& string(std::string_view text);
  Writer& integer(std::int64_t value);
  /// Shortest text that reads back as `value`. Precondition: finite.
  Writer& number(double value);
  Writer& boolean(bool value);
  Writer& null();
  /// `json` is written as it stands. Precondition: one valid JSON value.
  Writer& raw(std::string_view json);

  Writer& member(std::string_view name, std::string_view text) { return key(name).string(text); }
  Writer& member(std::string_view name, const std::string& text) { return key(name).string(text); }
  Writer& member(std::string_view name, const char* text) { return key(name).string(text); }
  Writer& member(std::string_view name, bool value) { return key(name).boolean(value); }
  Writer& member(std::string_view name, std::int64_t value) { return key(name).integer(value); }
  Writer& member(std::string_view name, int value) { return key(name).integer(value); }
  Writer& member(std::string_view name, std::uint32_t value) { return key(name).integer(value); }
  Writer& member(std::string_view name, double value) { return key(name).number(value); }

  [[nodiscard]] std::string& out() { return out_; }

 private:
  void separate();

  std::string& out_;
  int depth_ = 0;
  bool needs_comma_ = false;
};

}  // namespace weir::json
