// SPDX-License-Identifier: Apache-2.0
#include "json/object_reader.hpp"

namespace weir::json {

std::string Path::text() const {
  std::string out = parent != nullptr ? parent->text() : std::string();
  if (parent == nullptr) return out;
  if (key.empty()) {
    out.append("[").append(std::to_string(element)).append("]");
  } else {
    if (!out.empty()) out.push_back('.');
    out.append(key);
  }
  return out;
}

namespace {

std::string path_below(Value value, const Path& path, std::size_t offset) {
  const std::size_t start = value.offset();
  if (start == offset) return path.text();
  if (offset < start || offset >= start + value.raw().size()) return {};
  std::string found;
  if (value.is_array()) {
    std::size_t i = 0;
    for (const Value element : value.elements()) {
      found = path_below(element, {&path, {}, i++}, offset);
      if (!found.empty()) break;
    }
  } else if (value.is_object()) {
    for (const Member member : value.members()) {
      const std::string key = member.key.as_string();
      found = path_below(member.value, {&path, key, 0}, offset);
      if (!found.empty()) break;
    }
  }
  return found;
}

}  // namespace

std::string path_at(Value root, std::size_t offset) {
  const Path all;
  return path_below(root, all, offset);
}

void Problem::set(ErrorCode code, const Path& path, std::string message) {
  if (!error_) error_.emplace(code, std::move(message), path.text());
}

Result<> Problem::result() const {
  if (error_) return *error_;
  return {};
}

namespace {

/// One of 64 bits for each name: names of different bits are different.
std::uint64_t bit_of(std::string_view key) {
  if (key.empty()) return 1;
  const auto sum = key.size() * 5 + static_cast<unsigned char>(key.front()) * 3U +
                   static_cast<unsigned char>(key.back()) * 7U;
  return std::uint64_t{1} << (sum % 64);
}

std::uint64_t bits_of_members(Value object) {
  std::uint64_t bits = 0;
  for (const Member member : object.members()) {
    // An escape hides what the name is.
    if (member.key.has_escape()) return ~std::uint64_t{0};
    const std::string_view quoted = member.key.raw();
    bits |= bit_of(quoted.substr(1, quoted.size() - 2));
  }
  return bits;
}

}  // namespace

ObjectReader::ObjectReader(Value value, const Path& path, Problem& problem)
    : object_(value), path_(path), problem_(problem), is_object_(value.is_object()) {
  if (is_object_) {
    bits_ = bits_of_members(value);
  } else {
    fail({}, "expected an object, got " + std::string(name(value.kind())));
  }
}

bool ObjectReader::is_read(std::size_t member) const {
  if (member < 64) return ((read_ >> member) & 1U) != 0;
  return member - 64 < read_beyond_.size() && read_beyond_[member - 64];
}

void ObjectReader::mark(std::size_t member) {
  if (member < 64) {
    read_ |= std::uint64_t{1} << member;
  } else {
    if (read_beyond_.size() <= member - 64) read_beyond_.resize(member - 63);
    read_beyond_[member - 64] = true;
  }
}

bool ObjectReader::may_hold(std::string_view key) const noexcept {
  return (bits_ & bit_of(key)) != 0;
}

std::optional<Value> ObjectReader::value(std::string_view key) {
  // Most of what is asked for is not there.
  if (!may_hold(key)) return std::nullopt;
  Value found;
  std::size_t place = 0;
  std::size_t times = 0;
  std::size_t i = 0;
  // Nothing is written that the loop reads, so that the document's parts stay in registers.
  for (const Member member : object_.members()) {
    if (member.key.equals(key)) {
      if (times++ == 0) place = i;
      found = member.value;
    }
    ++i;
  }
  if (times == 0) return std::nullopt;
  mark(place);
  if (times == 1) return found;
  fail(key, "the member stands here twice");
  return std::nullopt;
}

void ObjectReader::expect(std::string_view key, Value value, std::string_view wanted) {
  fail(key, "expected " + std::string(wanted) + ", got " + std::string(name(value.kind())));
}

std::optional<Value> ObjectReader::object(std::string_view key) {
  auto found = value(key);
  if (!found || found->is_null()) return std::nullopt;
  if (!found->is_object()) return expect(key, *found, "an object"), std::nullopt;
  return found;
}

std::optional<Value> ObjectReader::array(std::string_view key) {
  auto found = value(key);
  if (!found || found->is_null()) return std::nullopt;
  if (!found->is_array()) return expect(key, *found, "an array"), std::nullopt;
  return found;
}

std::optional<std::string> ObjectReader::string(std::string_view key) {
  const auto found = value(key);
  if (!found || found->is_null()) return std::nullopt;
  if (!found->is_string()) return expect(key, *found, "a string"), std::nullopt;
  return found->as_string();
}

std::optional<bool> ObjectReader::boolean(std::string_view key) {
  const auto found = value(key);
  if (!found || found->is_null()) return std::nullopt;
  if (!found->is_boolean()) return expect(key, *found, "a boolean"), std::nullopt;
  return found->as_bool();
}

std::optional<std::int64_t> ObjectReader::integer(std::string_view key, std::int64_t min,
                                                  std::int64_t max) {
  const auto found = value(key);
  if (!found || found->is_null()) return std::nullopt;
  const auto number = found->as_int();
  if (!number) return expect(key, *found, "a whole number"), std::nullopt;
  if (*number < min || *number > max) {
    fail(key, "must be between " + std::to_string(min) + " and " + std::to_string(max));
    return std::nullopt;
  }
  return number;
}

std::optional<double> ObjectReader::number(std::string_view key, double min, double max) {
  const auto found = value(key);
  if (!found || found->is_null()) return std::nullopt;
  if (!found->is_number()) return expect(key, *found, "a number"), std::nullopt;
  const double number = found->as_double();
  if (number < min || number > max) return fail(key, "is out of range"), std::nullopt;
  return number;
}

std::string ObjectReader::required_string(std::string_view key) {
  auto found = string(key);
  if (!found) fail(key, "is required");
  return std::move(found).value_or(std::string());
}

void ObjectReader::skip(std::string_view key) { static_cast<void>(value(key)); }

void ObjectReader::fail(std::string_view key, std::string message) {
  if (key.empty()) {
    problem_.set(ErrorCode::invalid_request, path_, std::move(message));
  } else {
    problem_.set(ErrorCode::invalid_request, path(key), std::move(message));
  }
}

}  // namespace weir::json
