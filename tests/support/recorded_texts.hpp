// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ascii.hpp"

/// Texts with what reference tokenizers counted in them, one a line:
///
///     category <tab> text <tab> count <tab> count ...
///
/// In the text `\n`, `\t`, `\\` and `\xNN` stand for what a line can't hold. The first line names
/// the columns.
namespace weir::support {

struct RecordedText {
  std::string category;
  std::string text;
  std::vector<std::int64_t> counts;  ///< in the order of `RecordedTexts::tokenizers`
};

struct RecordedTexts {
  std::vector<std::string> tokenizers;
  std::vector<RecordedText> texts;
};

/// The first `bytes` of a text, as a stream that was cut delivered them. Counted are its whole
/// characters.
struct RecordedCut {
  std::size_t text;  ///< in `RecordedTexts::texts`
  std::size_t bytes;
  std::vector<std::int64_t> counts;
};

inline std::string unescaped(std::string_view field) {
  std::string text;
  for (std::size_t i = 0; i < field.size(); ++i) {
    if (field[i] != '\\' || i + 1 == field.size()) {
      text.push_back(field[i]);
      continue;
    }
    const char kind = field[++i];
    if (kind == 'x' && i + 2 < field.size()) {
      text.push_back(
          static_cast<char>(ascii::hex_value(field[i + 1]) * 16 + ascii::hex_value(field[i + 2])));
      i += 2;
    } else {
      text.push_back(kind == 'n' ? '\n' : kind == 't' ? '\t' : kind);
    }
  }
  return text;
}

inline RecordedTexts read_recorded_texts(const std::string& path) {
  RecordedTexts all;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string category;
    std::string text;
    std::getline(fields, category, '\t');
    std::getline(fields, text, '\t');
    const bool is_head = all.tokenizers.empty();
    if (!is_head) all.texts.push_back({category, unescaped(text), {}});
    for (std::string field; std::getline(fields, field, '\t');) {
      if (is_head) {
        all.tokenizers.push_back(field);
      } else {
        all.texts.back().counts.push_back(std::stoll(field));
      }
    }
  }
  return all;
}

/// Of a file with the columns text, bytes, count, count ...
inline std::vector<RecordedCut> read_recorded_cuts(const std::string& path) {
  std::vector<RecordedCut> cuts;
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    RecordedCut cut{};
    fields >> cut.text >> cut.bytes;
    for (std::int64_t count = 0; fields >> count;) cut.counts.push_back(count);
    cuts.push_back(std::move(cut));
  }
  return cuts;
}

}  // namespace weir::support
