// SPDX-License-Identifier: Apache-2.0
#include "wire/data_url.hpp"

#include <array>
#include <utility>

namespace weir::wire {
namespace {

constexpr std::string_view scheme = "data:";
constexpr std::string_view base64_mark = ";base64";

constexpr char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool equals_ignoring_case(std::string_view text, std::string_view lower_case) noexcept {
  if (text.size() != lower_case.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (lower(text[i]) != lower_case[i]) return false;
  }
  return true;
}

}  // namespace

bool is_data_url(std::string_view url) noexcept {
  return equals_ignoring_case(url.substr(0, scheme.size()), scheme);
}

std::optional<DataUrl> split_data_url(std::string_view url) noexcept {
  if (!is_data_url(url)) return std::nullopt;
  url.remove_prefix(scheme.size());
  const auto comma = url.find(',');
  if (comma == std::string_view::npos) return std::nullopt;
  const std::string_view head = url.substr(0, comma);
  if (head.size() < base64_mark.size()) return std::nullopt;
  const auto mark = head.size() - base64_mark.size();
  if (!equals_ignoring_case(head.substr(mark), base64_mark)) return std::nullopt;
  return DataUrl{.mime = head.substr(0, head.find(';')), .data = url.substr(comma + 1)};
}

void append_data_url(std::string& out, std::string_view mime, std::string_view data) {
  out.append(scheme).append(mime.empty() ? "application/octet-stream" : mime);
  out.append(base64_mark).append(",").append(data);
}

std::string_view image_mime(std::string_view base64) noexcept {
  // Signatures as they look in base64, cut to whole bytes' common prefix.
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> signatures{
      {{"iVBORw0KGg", "image/png"},
       {"/9j/", "image/jpeg"},
       {"R0lGOD", "image/gif"},
       {"UklGR", "image/webp"}}};
  for (const auto& [prefix, mime] : signatures) {
    if (base64.substr(0, prefix.size()) == prefix) return mime;
  }
  return {};
}

}  // namespace weir::wire
