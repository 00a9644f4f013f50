// SPDX-License-Identifier: Apache-2.0
#include "net/http/scanner.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "base/ascii.hpp"
#include "base/assert.hpp"
#include "net/http/field_line.hpp"

// A head is read line by line in one go, and the first trouble in byte order decides, so that the
// outcome is the same however the head was cut on its way. When a first reading runs out of bytes,
// the later calls only look for a line end that could decide the matter and then read anew.

namespace weir::net::http {
namespace {

using ascii::equals_ignoring_case;

/// Empty lines a request may follow; some old clients send one after a body.
constexpr std::size_t empty_lines_max = 4;

enum class Side { request, response };

/// What the fields say about the message as a whole; judged once all of them were read.
struct Semantics {
  std::string_view content_length;
  std::string_view transfer_encoding;
  std::string_view host;
  std::size_t content_length_count = 0;
  std::size_t transfer_encoding_count = 0;
  std::size_t host_count = 0;
  bool wants_close = false;
  bool wants_keep_alive = false;
  bool expects_continue = false;
  bool expects_other = false;

  void note(const Field& field);

 private:
  void note_connection(std::string_view value);
};

void Semantics::note(const Field& field) {
  switch (field.name.size()) {  // spares most fields any comparison
    case 4:
      if (!equals_ignoring_case(field.name, "host")) return;
      host = field.value;
      ++host_count;
      return;
    case 6:
      if (!equals_ignoring_case(field.name, "expect")) return;
      (equals_ignoring_case(field.value, "100-continue") ? expects_continue : expects_other) = true;
      return;
    case 10:
      if (equals_ignoring_case(field.name, "connection")) note_connection(field.value);
      return;
    case 14:
      if (!equals_ignoring_case(field.name, "content-length")) return;
      content_length = field.value;
      ++content_length_count;
      return;
    case 17:
      if (!equals_ignoring_case(field.name, "transfer-encoding")) return;
      transfer_encoding = field.value;
      ++transfer_encoding_count;
      return;
    default:
      return;
  }
}

void Semantics::note_connection(std::string_view value) {
  while (!value.empty()) {
    const std::size_t comma = std::min(value.find(','), value.size());
    const std::string_view option = trim(value.substr(0, comma));
    if (equals_ignoring_case(option, "close")) wants_close = true;
    if (equals_ignoring_case(option, "keep-alive")) wants_keep_alive = true;
    value.remove_prefix(std::min(comma + 1, value.size()));
  }
}

/// Walks over the lines of one head. Every step answers false when it can't go on; then either
/// `error` says why or more bytes are needed.
class HeadReader {
 public:
  HeadReader(std::string_view buffer, const HeadLimits& limits, Side side)
      : buffer_(buffer), limits_(limits), side_(side) {}

  bool skip_empty_lines();
  bool take_start_line(std::string_view& line);
  bool read_fields(Fields& fields, Semantics& semantics);
  bool refuse(ErrorCode code, std::string_view reason);

  /// The outcome when all steps were taken or one answered false.
  ScanResult finish(bool is_complete, std::size_t& resume);

 private:
  bool take_line(std::size_t bytes_max, ErrorCode code_if_over, std::string_view& line);

  std::string_view buffer_;
  const HeadLimits& limits_;
  Side side_;
  std::size_t at_ = 0;
  std::optional<Error> error_;
};

bool HeadReader::refuse(ErrorCode code, std::string_view reason) {
  error_.emplace(side_ == Side::request ? code : ErrorCode::upstream_malformed,
                 std::string(reason));
  return false;
}

ScanResult HeadReader::finish(bool is_complete, std::size_t& resume) {
  ScanResult result;
  if (is_complete) result.consumed = at_;
  result.error = std::move(error_);
  resume = result.needs_more() ? buffer_.size() : 0;
  return result;
}

bool HeadReader::skip_empty_lines() {
  for (std::size_t count = 0;; ++count) {
    const std::string_view rest = buffer_.substr(at_);
    if (rest.empty() || rest == "\r") return false;
    if (!rest.starts_with("\r\n")) return true;
    if (count == empty_lines_max) {
      return refuse(ErrorCode::invalid_request, "too many empty lines before the request");
    }
    at_ += 2;
  }
}

bool HeadReader::take_line(std::size_t bytes_max, ErrorCode code_if_over, std::string_view& line) {
  const std::string_view rest = buffer_.substr(at_);
  const std::size_t line_feed = rest.find('\n');
  const bool is_whole = line_feed != std::string_view::npos;
  // A line that is not whole may already hold the CR of its end.
  const std::size_t size_min = is_whole ? line_feed : rest.size();
  if (size_min > bytes_max + 1) {
    return refuse(code_if_over, code_if_over == ErrorCode::uri_too_long
                                    ? "the request line is too long"
                                    : "a header field is too long");
  }
  if (!is_whole) return false;
  if (line_feed == 0 || rest[line_feed - 1] != '\r') {
    return refuse(ErrorCode::invalid_request, "a line ends in a bare line feed");
  }
  line = rest.substr(0, line_feed - 1);
  at_ += line_feed + 1;
  return true;
}

bool HeadReader::take_start_line(std::string_view& line) {
  // Spares a stranger (a TLS hello, say) the wait for a line end that will never come.
  if (at_ < buffer_.size() && !is_token_char(buffer_[at_])) {
    return refuse(ErrorCode::invalid_request, "this is not HTTP");
  }
  // Nor does what an upstream sends behind the end of its last answer ever end: waiting for more of
  // it would take the next answer for the rest of the line.
  constexpr std::string_view begin = "HTTP/";
  if (side_ == Side::response && !begin.starts_with(buffer_.substr(at_, begin.size()))) {
    return refuse(ErrorCode::upstream_malformed, "this is not HTTP");
  }
  return take_line(limits_.request_line_bytes_max, ErrorCode::uri_too_long, line);
}

bool HeadReader::read_fields(Fields& fields, Semantics& semantics) {
  const std::size_t start = at_;
  for (;;) {
    std::string_view line;
    const bool is_whole = take_line(limits_.field_bytes_max, ErrorCode::headers_too_large, line);
    if (error_) return false;
    if (is_whole && line.empty()) return true;
    // The part of a line counts too, but for what may be the CR of the empty line.
    const std::size_t bytes = is_whole ? at_ - start : buffer_.size() - start - 1;
    if (buffer_.size() > start && bytes > limits_.fields_bytes_max) {
      return refuse(ErrorCode::headers_too_large, "the header is too large");
    }
    if (!is_whole) return false;
    if (fields.all().size() == limits_.field_count_max) {
      return refuse(ErrorCode::headers_too_large, "the header has too many fields");
    }
    Field field;
    const std::string_view reason = read_field_line(line, field);
    if (!reason.empty()) return refuse(ErrorCode::invalid_request, reason);
    fields.add(field);
    semantics.note(field);
  }
}

/// True when reading the head anew could bring more than "needs more": a line end that closes the
/// head or breaks a rule has come, or more bytes than a head may have.
bool may_be_decided(std::string_view buffer, const HeadLimits& limits, std::size_t& resume) {
  WEIR_ASSERT(resume <= buffer.size());
  if (resume == 0) return true;
  const std::size_t bytes_max =
      2 * empty_lines_max + limits.request_line_bytes_max + 2 + limits.fields_bytes_max + 2;
  if (buffer.size() > bytes_max) return true;
  for (;;) {
    const std::size_t line_feed = buffer.find('\n', resume);
    if (line_feed == std::string_view::npos) break;
    if (line_feed < 3 || buffer[line_feed - 1] != '\r') return true;
    if (buffer[line_feed - 2] == '\n') return true;
    resume = line_feed + 1;
  }
  resume = buffer.size();
  return false;
}

/// `HTTP/1.0` or `HTTP/1.1`.
bool read_version(HeadReader& reader, std::string_view text, int& minor_version) {
  const bool is_version = text.size() == 8 && text.starts_with("HTTP/") &&
                          ascii::is_digit(text[5]) && text[6] == '.' && ascii::is_digit(text[7]);
  if (!is_version)
    return reader.refuse(ErrorCode::invalid_request, "the HTTP version is malformed");
  if (text[5] != '1' || text[7] > '1') {
    return reader.refuse(ErrorCode::http_version, "only HTTP/1.0 and HTTP/1.1 are spoken here");
  }
  minor_version = text[7] - '0';
  return true;
}

bool read_request_line(HeadReader& reader, std::string_view line, RequestHead& head) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) {
    return reader.refuse(ErrorCode::invalid_request, "the request line is malformed");
  }
  head.method = line.substr(0, first);
  head.target = line.substr(first + 1, last - first - 1);
  if (!is_token(head.method)) {
    return reader.refuse(ErrorCode::invalid_request, "the method is malformed");
  }
  const auto is_visible = [](char c) { return c > ' ' && c < '\x7F'; };
  if (head.target.empty() || !std::all_of(head.target.begin(), head.target.end(), is_visible)) {
    return reader.refuse(ErrorCode::invalid_request, "the request target is malformed");
  }
  return read_version(reader, line.substr(last + 1), head.minor_version);
}

bool read_status_line(HeadReader& reader, std::string_view line, ResponseHead& head) {
  constexpr std::size_t code_at = 9;
  constexpr std::size_t code_end = code_at + 3;
  if (line.size() < code_end || line[code_at - 1] != ' ') {
    return reader.refuse(ErrorCode::upstream_malformed, "the status line is malformed");
  }
  if (!read_version(reader, line.substr(0, code_at - 1), head.minor_version)) return false;
  const std::string_view code = line.substr(code_at, 3);
  if (!std::all_of(code.begin(), code.end(), ascii::is_digit) || code < "100" || code > "599") {
    return reader.refuse(ErrorCode::upstream_malformed, "the status code is malformed");
  }
  // Some servers leave out the blank before an empty reason; nothing is ambiguous about that.
  const std::string_view reason = line.substr(code_end);
  if ((!reason.empty() && reason.front() != ' ') || !is_field_text(reason)) {
    return reader.refuse(ErrorCode::upstream_malformed, "the reason phrase is malformed");
  }
  head.status = (code[0] - '0') * 100 + (code[1] - '0') * 10 + (code[2] - '0');
  return true;
}

/// A name or an address, maybe with a port. Narrower than RFC 3986: what no host uses (commas,
/// semicolons, escapes) is how one reader's host becomes another's.
bool is_host(std::string_view text) {
  const bool is_bracketed = text.starts_with('[');
  const std::size_t name_end = is_bracketed ? text.find(']') : text.find(':');
  if (is_bracketed && name_end == std::string_view::npos) return false;
  const std::string_view name =
      is_bracketed ? text.substr(1, name_end - 1) : text.substr(0, name_end);
  const auto is_good = [is_bracketed](char c) {
    if (is_bracketed) return ascii::hex_value(c) >= 0 || c == ':' || c == '.';
    return ascii::is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
  };
  if (name.empty() || !std::all_of(name.begin(), name.end(), is_good)) return false;
  std::string_view port = text.substr(is_bracketed ? name_end + 1 : name.size());
  if (port.empty()) return true;
  if (port.front() != ':') return false;
  port.remove_prefix(1);
  if (port.empty() || port.size() > 5) return false;
  if (!std::all_of(port.begin(), port.end(), ascii::is_digit)) return false;
  return port.size() < 5 || port <= "65535";
}

/// Decides between the two ways of framing; `framing` stays as it is when neither is used.
bool judge_framing(HeadReader& reader, const Semantics& semantics, int minor_version,
                   Framing& framing, std::uint64_t& content_length) {
  if (semantics.content_length_count > 0 && semantics.transfer_encoding_count > 0) {
    return reader.refuse(ErrorCode::invalid_request,
                         "Content-Length and Transfer-Encoding exclude each other");
  }
  if (semantics.content_length_count > 1) {
    return reader.refuse(ErrorCode::invalid_request, "Content-Length is there more than once");
  }
  if (semantics.content_length_count == 1) {
    const std::string_view digits = semantics.content_length;
    if (digits.empty() || digits.size() > 19 ||
        !std::all_of(digits.begin(), digits.end(), ascii::is_digit)) {
      return reader.refuse(ErrorCode::invalid_request, "Content-Length is malformed");
    }
    content_length = 0;
    for (const char c : digits)
      content_length = content_length * 10 + static_cast<std::uint64_t>(c - '0');
    framing = Framing::length;
  }
  if (semantics.transfer_encoding_count > 0) {
    // An HTTP/1.0 hop may have passed the field on without knowing it (RFC 9112 section 6.1).
    if (minor_version == 0) {
      return reader.refuse(ErrorCode::invalid_request, "Transfer-Encoding is not part of HTTP/1.0");
    }
    if (semantics.transfer_encoding_count > 1 ||
        !equals_ignoring_case(semantics.transfer_encoding, "chunked")) {
      return reader.refuse(ErrorCode::not_implemented,
                           "no transfer coding but chunked is known here");
    }
    framing = Framing::chunked;
  }
  return true;
}

bool judge_request(HeadReader& reader, const Semantics& semantics, RequestHead& head) {
  if (semantics.host_count > 1) {
    return reader.refuse(ErrorCode::invalid_request, "Host is there more than once");
  }
  if (semantics.host_count == 0 && head.minor_version == 1) {
    return reader.refuse(ErrorCode::invalid_request, "Host is missing");
  }
  if (semantics.host_count == 1 && !is_host(semantics.host)) {
    return reader.refuse(ErrorCode::invalid_request, "Host is malformed");
  }
  if (!judge_framing(reader, semantics, head.minor_version, head.framing, head.content_length)) {
    return false;
  }
  if (semantics.expects_other) {
    return reader.refuse(ErrorCode::expectation_failed,
                         "no expectation but 100-continue is met here");
  }
  head.host = semantics.host;
  head.keeps_alive =
      !semantics.wants_close && (head.minor_version == 1 || semantics.wants_keep_alive);
  head.expects_continue = semantics.expects_continue && head.minor_version == 1;
  return true;
}

bool judge_response(HeadReader& reader, const Semantics& semantics, std::string_view request_method,
                    ResponseHead& head) {
  // Nothing here ever asks for an upgrade, and after one the bytes would not be HTTP.
  if (head.status == 101) {
    return reader.refuse(ErrorCode::upstream_malformed, "the upstream switched protocols unasked");
  }
  head.framing = Framing::until_close;
  if (!judge_framing(reader, semantics, head.minor_version, head.framing, head.content_length)) {
    return false;
  }
  if (request_method == "HEAD" || head.status < 200 || head.status == 204 || head.status == 304) {
    head.framing = Framing::none;
  }
  head.keeps_alive = !semantics.wants_close && head.framing != Framing::until_close &&
                     (head.minor_version == 1 || semantics.wants_keep_alive);
  return true;
}

/// Everything anew but the memory of the fields.
template <class Head>
void reset(Head& head) {
  Fields fields = std::move(head.fields);
  fields.clear();
  head = Head{};
  head.fields = std::move(fields);
}

}  // namespace

std::optional<std::string_view> Fields::find(std::string_view name) const {
  for (const Field& field : fields_) {
    if (equals_ignoring_case(field.name, name)) return field.value;
  }
  return std::nullopt;
}

ScanResult scan_request_head(std::string_view buffer, const HeadLimits& limits, RequestHead& head,
                             std::size_t& resume) {
  if (!may_be_decided(buffer, limits, resume)) return {};
  reset(head);
  HeadReader reader(buffer, limits, Side::request);
  Semantics semantics;
  std::string_view line;
  const bool is_complete = reader.skip_empty_lines() && reader.take_start_line(line) &&
                           read_request_line(reader, line, head) &&
                           reader.read_fields(head.fields, semantics) &&
                           judge_request(reader, semantics, head);
  return reader.finish(is_complete, resume);
}

ScanResult scan_response_head(std::string_view buffer, const HeadLimits& limits,
                              std::string_view request_method, ResponseHead& head,
                              std::size_t& resume) {
  if (!may_be_decided(buffer, limits, resume)) return {};
  reset(head);
  HeadReader reader(buffer, limits, Side::response);
  Semantics semantics;
  std::string_view line;
  const bool is_complete = reader.take_start_line(line) && read_status_line(reader, line, head) &&
                           reader.read_fields(head.fields, semantics) &&
                           judge_response(reader, semantics, request_method, head);
  return reader.finish(is_complete, resume);
}

}  // namespace weir::net::http
