// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/recycled.hpp"
#include "weir/error.hpp"

/// HTTP/1.1 heads and framing, both directions, strictly: what is ambiguous is refused, because two
/// readers of one ambiguous message is how requests are smuggled.
namespace weir::net::http {

struct HeadLimits {
  std::size_t request_line_bytes_max = 8 * 1024;  ///< the status line's too
  std::size_t field_bytes_max = 8 * 1024;         ///< one line, without its CRLF
  std::size_t fields_bytes_max = 32 * 1024;       ///< all lines, CRLFs included
  std::size_t field_count_max = 100;
};

/// For answers of providers: 64 KiB in all, in whatever shape.
inline constexpr HeadLimits upstream_head_limits{.request_line_bytes_max = 8 * 1024,
                                                 .field_bytes_max = 64 * 1024,
                                                 .fields_bytes_max = 64 * 1024,
                                                 .field_count_max = 512};

/// Views into the scanned buffer.
struct Field {
  std::string_view name;
  std::string_view value;  ///< without surrounding blanks
};

class Fields {
 public:
  /// The first field called `name` (any case); nothing when absent.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;
  [[nodiscard]] std::span<const Field> all() const { return fields_; }
  void add(Field field) {
    if (fields_.capacity() == 0) fields_.reserve(usual_count);
    fields_.push_back(field);
  }
  void clear() { fields_.clear(); }
  /// Calls `change(field)` for every field, which may let its views point elsewhere.
  template <class Change>
  void for_each(Change&& change) {
    for (Field& field : fields_) change(field);
  }

 private:
  static constexpr std::size_t usual_count = 24;
  std::vector<Field, RecyclingAllocator<Field>> fields_;
};

enum class Framing : std::uint8_t {
  none,    ///< no body
  length,  ///< content_length bytes
  chunked,
  until_close,  ///< responses only
};

struct RequestHead {
  std::string_view method;
  std::string_view target;  ///< as sent
  std::string_view host;    ///< of the Host field; empty in HTTP/1.0 without one
  int minor_version = 1;    ///< HTTP/1.<minor_version>
  Fields fields;
  Framing framing = Framing::none;
  std::uint64_t content_length = 0;
  bool keeps_alive = true;
  bool expects_continue = false;
};

struct ResponseHead {
  int status = 0;
  int minor_version = 1;
  Fields fields;
  Framing framing = Framing::none;
  std::uint64_t content_length = 0;
  bool keeps_alive = true;
};

/// Outcome of a scan: `consumed` > 0 when the head is complete, an `error` when it is refused,
/// neither when more bytes are needed.
struct ScanResult {
  std::size_t consumed = 0;
  std::optional<Error> error;
  [[nodiscard]] bool needs_more() const { return consumed == 0 && !error; }
};

/// Scans the head of a request at the start of `buffer`. `head` holds views into `buffer`. Empty
/// lines before the request line are skipped, as RFC 9112 section 2.2 asks.
///
/// `resume`: bytes already searched in vain by an earlier call on the same message, updated here,
/// so that a head that arrives byte by byte is not scanned anew each time. Start with 0; it is 0
/// again when the head is decided. The outcome does not depend on how the head was cut; a flaw in a
/// head that arrives in pieces is reported at its end, or at the limits, at the latest.
ScanResult scan_request_head(std::string_view buffer, const HeadLimits& limits, RequestHead& head,
                             std::size_t& resume);

/// Scans the head of a response. `request_method` decides about the body (HEAD has none).
/// Interim (1xx) responses are returned like any other, with framing none.
ScanResult scan_response_head(std::string_view buffer, const HeadLimits& limits,
                              std::string_view request_method, ResponseHead& head,
                              std::size_t& resume);

/// Takes a chunked body apart, piece by piece, without copying it.
class ChunkedDecoder {
 public:
  struct Step {
    std::size_t consumed = 0;  ///< bytes of the input used up
    std::string_view data;     ///< body bytes, a view into the input; may be empty
    bool is_done = false;      ///< the last chunk and the trailers were read
    std::optional<Error> error;
  };
  /// `refusal`: the code of every error; `upstream_malformed` for the body of a response.
  explicit ChunkedDecoder(ErrorCode refusal = ErrorCode::invalid_request) : refusal_(refusal) {}

  /// Takes as much of `input` as makes one step: framing bytes and at most one run of data. Call
  /// again with the rest until `consumed` is 0 (more input needed), `is_done` or `error`; after an
  /// error no more.
  Step step(std::string_view input);

 private:
  enum class State : std::uint8_t {
    size,
    extension,
    size_line_feed,
    data,
    data_cr,
    data_line_feed,
    trailer,
    done
  };
  // Each takes one byte and gives the reason of a refusal, empty when the byte is fine.
  std::string_view take_framing_byte(char c);
  std::string_view take_size_byte(char c);
  std::string_view take_extension_byte(char c);
  std::string_view take_trailer_byte(char c);

  ErrorCode refusal_;
  State state_ = State::size;
  std::uint64_t left_ = 0;
  std::uint32_t digits_ = 0;
  std::size_t extension_bytes_ = 0;
  std::size_t extension_bytes_total_ = 0;
  std::size_t trailer_bytes_ = 0;
  std::string trailer_line_;
};

}  // namespace weir::net::http
