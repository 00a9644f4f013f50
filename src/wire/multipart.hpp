// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/result.hpp"

/// Forms with files (multipart/form-data), read as they arrive.
namespace weir::wire {

struct MultipartLimits {
  std::size_t parts_max = 256;
  std::size_t header_bytes_max = 8 * 1024;  ///< of one part, all its lines
  std::size_t value_bytes_kept_max = 1024;  ///< of a field; its size is counted in full
};

/// One part of a form: where its value stands in the body, and the value itself where it is short.
struct FormPart {
  std::string name;
  bool is_file = false;      ///< it has a filename
  std::uint64_t offset = 0;  ///< of the value, in the whole body
  std::uint64_t size = 0;
  std::string value;  ///< the first bytes of a field; nothing of a file

  [[nodiscard]] bool is_whole() const noexcept { return value.size() == size; }
};

/// The boundary that a Content-Type of `multipart/form-data` names; nothing for another type.
/// Errors: `invalid_request` when there is none, two, or one that breaks the rules.
/// Source: RFC 2046, 5.1.1; RFC 7578, 4.1.
Result<std::optional<std::string>> read_form_boundary(std::string_view content_type);

/// A Content-Type that names `boundary`, quoted where it has to be.
std::string form_content_type(std::string_view boundary);

/// Reads the outline of a form, however its bytes are cut: which parts there are and where.
///
/// Stricter than mail: the body begins with the boundary, ends behind the last one, lines end in
/// CRLF, each part has one Content-Disposition of `form-data` with one name, and no part is
/// encoded. What two readers could take for two different forms is refused.
///
/// Memory: the outline only; values beyond `value_bytes_kept_max` and files are just counted.
class MultipartScanner {
 public:
  /// Precondition: `boundary` came from `read_form_boundary`.
  explicit MultipartScanner(std::string_view boundary, MultipartLimits limits = {});

  /// The next bytes of the body. Errors: `invalid_request`; after one no more calls.
  Result<> feed(std::string_view bytes);
  /// To be called after the last byte. Errors: `invalid_request` when the form is not whole.
  [[nodiscard]] Result<> finish() const;

  [[nodiscard]] const std::vector<FormPart>& parts() const noexcept { return parts_; }

 private:
  enum class State : std::uint8_t {
    first_boundary,
    after_boundary,  ///< a CRLF for another part, two dashes at the end
    headers,
    value,
    epilogue,
  };

  Result<> take_first_boundary(std::string_view& bytes);
  Result<> take_after_boundary(std::string_view& bytes);
  Result<> take_headers(std::string_view& bytes);
  void take_value(std::string_view& bytes);
  Result<> take_epilogue(std::string_view& bytes);
  Result<> begin_part();
  void add_to_value(std::string_view bytes);

  std::string delimiter_;  ///< CRLF, two dashes, the boundary
  MultipartLimits limits_;
  State state_ = State::first_boundary;
  std::uint64_t position_ = 0;  ///< of the next byte in the body
  std::size_t matched_ = 0;     ///< bytes of the delimiter that have just been seen
  std::string held_;            ///< what has come of a head, a boundary's ending, the epilogue
  std::vector<FormPart> parts_;
};

}  // namespace weir::wire
