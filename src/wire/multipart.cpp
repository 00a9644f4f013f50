// SPDX-License-Identifier: Apache-2.0
#include "wire/multipart.hpp"

#include <algorithm>
#include <utility>

#include "base/ascii.hpp"
#include "base/assert.hpp"

namespace weir::wire {
namespace {

constexpr std::size_t boundary_bytes_max = 70;
constexpr std::string_view crlf = "\r\n";
constexpr std::string_view form_data = "form-data";
constexpr std::string_view form_type = "multipart/form-data";

Error broken(std::string_view reason) {
  return {ErrorCode::invalid_request, "the multipart body is broken: " + std::string(reason)};
}

bool is_token_char(char c) {
  return ascii::is_alnum(c) ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}

bool is_boundary(std::string_view text) {
  const auto is_allowed = [](char c) {
    return ascii::is_alnum(c) ||
           std::string_view("'()+_,-./:=? ").find(c) != std::string_view::npos;
  };
  return !text.empty() && text.size() <= boundary_bytes_max && text.back() != ' ' &&
         std::all_of(text.begin(), text.end(), is_allowed);
}

std::string_view without_blanks(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// A field value with parameters: `form-data; name="model"`.
class Parameters {
 public:
  explicit Parameters(std::string_view text) : rest_(text) {
    const auto end = rest_.find(';');
    head_ = without_blanks(rest_.substr(0, end));
    rest_ = end == std::string_view::npos ? std::string_view() : rest_.substr(end);
  }

  [[nodiscard]] std::string_view head() const { return head_; }

  /// False at the end, and when what follows is no parameter: then `is_broken`.
  bool next(std::string_view& name, std::string& value) {
    rest_ = without_blanks(rest_);
    if (rest_.empty()) return false;
    is_broken_ = true;
    if (rest_.front() != ';') return false;
    rest_ = without_blanks(rest_.substr(1));
    const auto equals = rest_.find('=');
    if (equals == std::string_view::npos || !is_token(rest_.substr(0, equals))) return false;
    name = rest_.substr(0, equals);
    rest_.remove_prefix(equals + 1);
    has_escape_ = false;
    is_broken_ = !(rest_.starts_with('"') ? read_quoted(value) : read_token(value));
    return !is_broken_;
  }
  [[nodiscard]] bool is_broken() const { return is_broken_; }
  /// The last value had a backslash in it, which readers take in two ways.
  [[nodiscard]] bool has_escape() const { return has_escape_; }

 private:
  bool read_token(std::string& value) {
    std::size_t size = 0;
    while (size < rest_.size() && is_token_char(rest_[size])) ++size;
    value.assign(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return size > 0;
  }
  bool read_quoted(std::string& value) {
    value.clear();
    for (std::size_t at = 1; at < rest_.size(); ++at) {
      if (rest_[at] == '"') {
        rest_.remove_prefix(at + 1);
        return true;
      }
      if (rest_[at] == '\\') {
        has_escape_ = true;
        if (++at == rest_.size()) return false;
      }
      value.push_back(rest_[at]);
    }
    return false;
  }

  std::string_view head_;
  std::string_view rest_;
  bool is_broken_ = false;
  bool has_escape_ = false;
};

/// Reads Content-Disposition into `part`.
Result<> read_disposition(std::string_view value, FormPart& part) {
  Parameters parameters(value);
  if (!ascii::equals_ignoring_case(parameters.head(), form_data)) {
    return broken("a part's content-disposition is not form-data");
  }
  bool has_name = false;
  std::string_view name;
  std::string text;
  while (parameters.next(name, text)) {
    if (ascii::equals_ignoring_case(name, "name")) {
      if (std::exchange(has_name, true)) return broken("a part has two names");
      if (parameters.has_escape()) return broken("a part's name is escaped");
      part.name = text;
    } else if (ascii::equals_ignoring_case(name, "filename")) {
      if (std::exchange(part.is_file, true)) return broken("a part has two file names");
    } else if (ascii::equals_ignoring_case(name, "filename*")) {
      part.is_file = true;
    } else if (ascii::equals_ignoring_case(name, "name*")) {
      return broken("a part's name is encoded");
    }
  }
  if (parameters.is_broken()) return broken("a part's content-disposition can't be read");
  if (!has_name) return broken("a part has no name");
  return {};
}

/// One header line of a part, without its CRLF.
Result<> read_header(std::string_view line, FormPart& part, bool& has_disposition) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon)) ||
      line.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
    return broken("a part's header can't be read");
  }
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = without_blanks(line.substr(colon + 1));
  if (ascii::equals_ignoring_case(name, "content-disposition")) {
    if (std::exchange(has_disposition, true)) return broken("a part has two content-dispositions");
    return read_disposition(value, part);
  }
  if (ascii::equals_ignoring_case(name, "content-transfer-encoding") &&
      !ascii::equals_ignoring_case(value, "binary") &&
      !ascii::equals_ignoring_case(value, "8bit") && !ascii::equals_ignoring_case(value, "7bit")) {
    return broken("a part has a transfer encoding");
  }
  return {};
}

}  // namespace

Result<std::optional<std::string>> read_form_boundary(std::string_view content_type) {
  Parameters parameters(content_type);
  std::optional<std::string> boundary;
  if (!ascii::equals_ignoring_case(parameters.head(), form_type)) return boundary;
  std::string_view name;
  std::string value;
  while (parameters.next(name, value)) {
    if (!ascii::equals_ignoring_case(name, "boundary")) continue;
    if (boundary) return broken("its content-type names two boundaries");
    boundary = value;
  }
  if (parameters.is_broken() || !boundary || !is_boundary(*boundary)) {
    return broken("its content-type names no valid boundary");
  }
  return boundary;
}

std::string form_content_type(std::string_view boundary) {
  std::string out(form_type);
  out.append("; boundary=");
  const bool is_quoted = !is_token(boundary);
  if (is_quoted) out.push_back('"');
  out.append(boundary);
  if (is_quoted) out.push_back('"');
  return out;
}

MultipartScanner::MultipartScanner(std::string_view boundary, MultipartLimits limits)
    : delimiter_("\r\n--" + std::string(boundary)), limits_(limits) {
  WEIR_ASSERT(is_boundary(boundary));
}

Result<> MultipartScanner::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    switch (state_) {
      case State::first_boundary:
        WEIR_TRY(take_first_boundary(bytes));
        break;
      case State::after_boundary:
        WEIR_TRY(take_after_boundary(bytes));
        break;
      case State::headers:
        WEIR_TRY(take_headers(bytes));
        break;
      case State::value:
        take_value(bytes);
        break;
      case State::epilogue:
        WEIR_TRY(take_epilogue(bytes));
        break;
    }
  }
  return {};
}

Result<> MultipartScanner::finish() const {
  if (state_ != State::epilogue) return broken("it ends before its last boundary");
  return {};
}

Result<> MultipartScanner::take_first_boundary(std::string_view& bytes) {
  const std::string_view wanted = std::string_view(delimiter_).substr(crlf.size() + matched_);
  const std::size_t size = std::min(wanted.size(), bytes.size());
  if (bytes.substr(0, size) != wanted.substr(0, size)) {
    return broken("it does not begin with its boundary");
  }
  bytes.remove_prefix(size);
  matched_ += size;
  position_ += size;
  if (size == wanted.size()) {
    state_ = State::after_boundary;
    held_.clear();
  }
  return {};
}

Result<> MultipartScanner::take_after_boundary(std::string_view& bytes) {
  const std::size_t size = std::min(crlf.size() - held_.size(), bytes.size());
  held_.append(bytes.substr(0, size));
  bytes.remove_prefix(size);
  position_ += size;
  if (!crlf.starts_with(held_) && !std::string_view("--").starts_with(held_)) {
    return broken("something stands behind a boundary");
  }
  if (held_.size() < crlf.size()) return {};
  state_ = held_ == crlf ? State::headers : State::epilogue;
  held_.clear();
  return {};
}

// Head bytes are gathered up to the empty line. They are few; byte by byte is fast enough.
Result<> MultipartScanner::take_headers(std::string_view& bytes) {
  while (!bytes.empty()) {
    held_.push_back(bytes.front());
    bytes.remove_prefix(1);
    ++position_;
    if (held_ == crlf || held_.ends_with("\r\n\r\n")) return begin_part();
    if (held_.size() >= limits_.header_bytes_max)
      return broken("the header of a part is too large");
  }
  return {};
}

Result<> MultipartScanner::begin_part() {
  if (parts_.size() >= limits_.parts_max) return broken("it has too many parts");
  FormPart part;
  bool has_disposition = false;
  std::string_view lines(held_);
  lines.remove_suffix(crlf.size());
  while (!lines.empty()) {
    const auto end = lines.find(crlf);
    WEIR_TRY(read_header(lines.substr(0, end), part, has_disposition));
    lines.remove_prefix(end + crlf.size());
  }
  if (!has_disposition) return broken("a part has no content-disposition");
  part.offset = position_;
  parts_.push_back(std::move(part));
  held_.clear();
  matched_ = 0;
  state_ = State::value;
  return {};
}

void MultipartScanner::add_to_value(std::string_view bytes) {
  FormPart& part = parts_.back();
  part.size += bytes.size();
  if (part.is_file) return;
  const std::size_t room = limits_.value_bytes_kept_max - part.value.size();
  part.value.append(bytes.substr(0, room));
}

// The delimiter has its only CR in front, so after a mismatch nothing of what had matched can begin
// it anew: what had matched is value, and the search goes on at the byte that did not.
void MultipartScanner::take_value(std::string_view& bytes) {
  while (!bytes.empty()) {
    if (matched_ == 0) {
      const std::size_t plain = std::min(bytes.find('\r'), bytes.size());
      add_to_value(bytes.substr(0, plain));
      bytes.remove_prefix(plain);
      position_ += plain;
      if (bytes.empty()) return;
    }
    if (bytes.front() != delimiter_[matched_]) {
      add_to_value(std::string_view(delimiter_).substr(0, matched_));
      matched_ = 0;
      continue;
    }
    bytes.remove_prefix(1);
    ++position_;
    if (++matched_ < delimiter_.size()) continue;
    held_.clear();
    state_ = State::after_boundary;
    return;
  }
}

Result<> MultipartScanner::take_epilogue(std::string_view& bytes) {
  held_.append(bytes.substr(0, crlf.size() + 1));
  if (!crlf.starts_with(held_)) return broken("something stands behind its last boundary");
  position_ += bytes.size();
  bytes = {};
  return {};
}

}  // namespace weir::wire
