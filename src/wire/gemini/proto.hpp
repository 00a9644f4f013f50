// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "json/object_reader.hpp"
#include "json/writer.hpp"
#include "wire/canonical.hpp"
#include "wire/members.hpp"

namespace weir::wire::gemini {

/// Reads an object by protobuf's JSON rules: a member may be called by its camelCase name, which is
/// the one asked for, or by its snake_case name, and an integer may be a string of digits.
/// Source: protobuf.dev, "ProtoJSON Format".
class ProtoReader {
 public:
  /// Precondition: `path` and `problem` outlive the reader.
  ProtoReader(json::Value value, const json::Path& path, json::Problem& problem)
      : value_(value), reader_(value, path, problem), has_snake_(holds_snake_name(value)) {}

  std::optional<json::Value> object(std::string_view key) { return reader_.object(used_name(key)); }
  std::optional<json::Value> array(std::string_view key) { return reader_.array(used_name(key)); }
  std::optional<std::string> string(std::string_view key) { return reader_.string(used_name(key)); }
  std::optional<bool> boolean(std::string_view key) { return reader_.boolean(used_name(key)); }
  std::optional<double> number(std::string_view key) { return reader_.number(used_name(key)); }
  std::optional<std::int64_t> integer(std::string_view key,
                                      std::int64_t min = std::numeric_limits<std::int64_t>::min(),
                                      std::int64_t max = std::numeric_limits<std::int64_t>::max());
  /// As `wire::told_count`.
  std::int64_t told_count(std::string_view key, bool& is_impossible);
  std::string required_string(std::string_view key) {
    return reader_.required_string(used_name(key));
  }

  void fail(std::string_view key, std::string message) { reader_.fail(key, std::move(message)); }
  [[nodiscard]] json::Path path(std::string_view key) const { return reader_.path(key); }
  [[nodiscard]] json::Problem& problem() { return reader_.problem(); }

  template <class Visit>
  void for_each_unread(Visit&& visit) const {
    reader_.for_each_unread(std::forward<Visit>(visit));
  }
  /// Adds what nobody asked for to `extra`, member by member.
  void keep_unread(Extra& extra) const { wire::keep_unread(reader_, extra); }
  /// Adds it as one object called `key`, if there is any: members of a nested object.
  void keep_unread_as(std::string_view key, Extra& extra) const {
    keep_unread_of(reader_, key, extra);
  }

 private:
  [[nodiscard]] static bool holds_snake_name(json::Value object);
  std::string_view used_name(std::string_view key) { return has_snake_ ? used_of_both(key) : key; }
  std::string_view used_of_both(std::string_view key);

  json::Value value_;
  json::ObjectReader reader_;
  bool has_snake_;
  std::string snake_;
};

/// Writes the members of what `keep_unread_as` kept under `key` into the open object.
void write_nested_extra(json::Writer& json, const Extra& extra, std::string_view key);
/// Writes `extra` into the open object, but for the members in `skipped`.
void write_extra_except(json::Writer& json, const Extra& extra,
                        std::initializer_list<std::string_view> skipped);

}  // namespace weir::wire::gemini
