// SPDX-License-Identifier: Apache-2.0
#include "usage/figures.hpp"

#include <limits>

namespace weir::usage {
namespace {

void add(std::int64_t& sum, std::int64_t value) {
  if (!__builtin_add_overflow(sum, value, &sum)) return;
  sum = value > 0 ? std::numeric_limits<std::int64_t>::max()
                  : std::numeric_limits<std::int64_t>::min();
}

std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1U) ^ static_cast<std::uint64_t>(value >> 63);
}
std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1U) ^ -static_cast<std::int64_t>(value & 1U);
}

bool take_text(std::string_view& bytes, std::string_view& text) {
  std::uint64_t size = 0;
  if (!health::take_varint(bytes, size) || size > bytes.size()) return false;
  text = bytes.substr(0, size);
  bytes.remove_prefix(size);
  return true;
}

}  // namespace

std::optional<Dimension> parse_dimension(std::string_view name) noexcept {
  for (std::size_t i = 0; i < dimension_count; ++i) {
    if (dimension_names[i] == name) return static_cast<Dimension>(i);
  }
  return std::nullopt;
}

Figures& Figures::operator+=(const Figures& other) {
  for (const FigureRow& row : figure_rows) add(this->*row.member, other.*row.member);
  for (const auto& [failure, count] : other.failures) add(failures[failure], count);
  latency += other.latency;
  first_content += other.first_content;
  return *this;
}

void Figures::encode(std::string& out) const {
  health::append_varint(out, figure_rows.size());
  for (const FigureRow& row : figure_rows) health::append_varint(out, zigzag(this->*row.member));
  health::append_varint(out, failures.size());
  for (const auto& [failure, count] : failures) {
    health::append_varint(out, failure.size());
    out.append(failure);
    health::append_varint(out, zigzag(count));
  }
  latency.encode(out);
  first_content.encode(out);
}

bool Figures::decode(std::string_view bytes, bool with_times) {
  std::uint64_t count = 0;
  if (!health::take_varint(bytes, count)) return false;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::uint64_t value = 0;
    if (!health::take_varint(bytes, value)) return false;
    if (i < figure_rows.size()) this->*figure_rows[i].member = unzigzag(value);
  }
  if (!health::take_varint(bytes, count)) return false;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::string_view failure;
    std::uint64_t value = 0;
    if (!take_text(bytes, failure) || !health::take_varint(bytes, value)) return false;
    failures.emplace(failure, unzigzag(value));
  }
  return !with_times || (latency.decode(bytes) && first_content.decode(bytes));
}

}  // namespace weir::usage
