// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace weir::wire {

/// The two halves of `data:<mime>;base64,<data>`; views into the URL.
struct DataUrl {
  std::string_view mime;  ///< without parameters; empty when the URL names none
  std::string_view data;  ///< base64
};

[[nodiscard]] bool is_data_url(std::string_view url) noexcept;

/// Nothing when `url` is no data URL, or one that is not base64.
/// Source: RFC 2397.
[[nodiscard]] std::optional<DataUrl> split_data_url(std::string_view url) noexcept;

/// Appends the data URL of `data`. An unknown type becomes application/octet-stream, because an
/// omitted one would mean text/plain.
void append_data_url(std::string& out, std::string_view mime, std::string_view data);

/// Media type of an image by the first bytes behind its base64: PNG, JPEG, GIF, WEBP; empty for
/// anything else.
[[nodiscard]] std::string_view image_mime(std::string_view base64) noexcept;

}  // namespace weir::wire
