// SPDX-License-Identifier: Apache-2.0
#include "net/http/head_writer.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/assert.hpp"
#include "base/text_piece.hpp"

namespace weir::net::http {
namespace {

struct Reason {
  int status;
  std::string_view phrase;
};

// Ours, and what upstream answers are passed on with.
constexpr std::array reasons{
    Reason{100, "Continue"},
    Reason{200, "OK"},
    Reason{201, "Created"},
    Reason{202, "Accepted"},
    Reason{204, "No Content"},
    Reason{206, "Partial Content"},
    Reason{301, "Moved Permanently"},
    Reason{302, "Found"},
    Reason{303, "See Other"},
    Reason{304, "Not Modified"},
    Reason{307, "Temporary Redirect"},
    Reason{308, "Permanent Redirect"},
    Reason{400, "Bad Request"},
    Reason{401, "Unauthorized"},
    Reason{402, "Payment Required"},
    Reason{403, "Forbidden"},
    Reason{404, "Not Found"},
    Reason{405, "Method Not Allowed"},
    Reason{406, "Not Acceptable"},
    Reason{408, "Request Timeout"},
    Reason{409, "Conflict"},
    Reason{410, "Gone"},
    Reason{411, "Length Required"},
    Reason{412, "Precondition Failed"},
    Reason{413, "Content Too Large"},
    Reason{414, "URI Too Long"},
    Reason{415, "Unsupported Media Type"},
    Reason{416, "Range Not Satisfiable"},
    Reason{417, "Expectation Failed"},
    Reason{421, "Misdirected Request"},
    Reason{422, "Unprocessable Content"},
    Reason{424, "Failed Dependency"},
    Reason{429, "Too Many Requests"},
    Reason{431, "Request Header Fields Too Large"},
    Reason{499, "Client Closed Request"},
    Reason{500, "Internal Server Error"},
    Reason{501, "Not Implemented"},
    Reason{502, "Bad Gateway"},
    Reason{503, "Service Unavailable"},
    Reason{504, "Gateway Timeout"},
    Reason{505, "HTTP Version Not Supported"},
    Reason{508, "Loop Detected"},
    Reason{529, "Overloaded"},
};

constexpr bool comes_before(const Reason& a, const Reason& b) { return a.status < b.status; }
static_assert(std::is_sorted(reasons.begin(), reasons.end(), comes_before), "reasons: by status");

/// Most of the lines of a head.
using Line = TextPiece<256>;

constexpr std::string_view line_end = "\r\n";

void append_line(std::string& out, std::string_view name, std::string_view value) {
  constexpr std::string_view between = ": ";
  if (name.size() + value.size() + between.size() + line_end.size() <= Line::size_max) {
    Line line;
    line.add(name).add(between).add(value).add(line_end).append_to(out);
  } else {
    out.append(name).append(between).append(value).append(line_end);
  }
}

/// The digits of a number, for as long as it lives.
class Digits {
 public:
  explicit Digits(std::uint64_t number) noexcept
      : size_(static_cast<std::size_t>(
            std::to_chars(digits_.data(), digits_.data() + digits_.size(), number).ptr -
            digits_.data())) {}
  [[nodiscard]] std::string_view text() const noexcept { return {digits_.data(), size_}; }

 private:
  std::array<char, 20> digits_;
  std::size_t size_;
};

}  // namespace

std::string_view reason_phrase(int status) noexcept {
  const auto found =
      std::lower_bound(reasons.begin(), reasons.end(), Reason{status, {}}, comes_before);
  return found != reasons.end() && found->status == status ? found->phrase : std::string_view{};
}

void append_request_line(std::string& out, std::string_view method, std::string_view target) {
  WEIR_ASSERT(is_token(method));
  WEIR_ASSERT(!target.empty());
  WEIR_ASSERT(target.find(' ') == std::string_view::npos);
  WEIR_ASSERT(target.find('\t') == std::string_view::npos);
  WEIR_ASSERT(is_field_text(target));
  constexpr std::string_view version = " HTTP/1.1\r\n";
  if (method.size() + 1 + target.size() + version.size() <= Line::size_max) {
    Line line;
    line.add(method).add(' ').add(target).add(version).append_to(out);
  } else {
    out.append(method).append(" ").append(target).append(version);
  }
}

void append_status_line(std::string& out, int status) {
  WEIR_ASSERT(status >= 100);
  WEIR_ASSERT(status <= 999);
  const Digits digits(static_cast<std::uint64_t>(status));
  Line line;
  line.add("HTTP/1.1 ").add(digits.text()).add(' ').add(reason_phrase(status)).add(line_end);
  line.append_to(out);
}

bool append_field(std::string& out, FieldName name, std::string_view value) {
  if (!is_field_text(value)) return false;
  append_line(out, name.text(), value);
  return true;
}

bool append_any_field(std::string& out, std::string_view name, std::string_view value) {
  if (!is_token(name) || !is_field_text(value)) return false;
  append_line(out, name, value);
  return true;
}

void append_field(std::string& out, FieldName name, std::uint64_t value) {
  append_line(out, name.text(), Digits(value).text());
}

void end_head(std::string& out) { out.append("\r\n"); }

}  // namespace weir::net::http
