// SPDX-License-Identifier: Apache-2.0
#include "json/canonical.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "json/writer.hpp"

namespace weir::json {
namespace {

void append_object(std::string& out, Value value) {
  std::vector<std::pair<std::string, Value>> members;
  members.reserve(value.size());
  for (const Member member : value.members()) {
    members.emplace_back(member.key.as_string(), member.value);
  }
  // Of two members of one name each stays what it was to its reader: the first or the last.
  std::sort(members.begin(), members.end(), [](const auto& a, const auto& b) {
    const int order = a.first.compare(b.first);
    return order != 0 ? order < 0 : a.second.offset() < b.second.offset();
  });
  out.push_back('{');
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (i > 0) out.push_back(',');
    append_string(out, members[i].first);
    out.push_back(':');
    append_canonical(out, members[i].second);
  }
  out.push_back('}');
}

void append_array(std::string& out, Value value) {
  out.push_back('[');
  bool is_first = true;
  for (const Value element : value.elements()) {
    if (!std::exchange(is_first, false)) out.push_back(',');
    append_canonical(out, element);
  }
  out.push_back(']');
}

}  // namespace

// Its depth is that of a document, which is bounded.
void append_canonical(std::string& out, Value value) {
  std::string scratch;
  switch (value.kind()) {
    case Kind::object:
      return append_object(out, value);
    case Kind::array:
      return append_array(out, value);
    case Kind::string:
      return append_string(out, value.as_string_view(scratch));
    case Kind::null:
    case Kind::boolean:
    case Kind::number:
      out.append(value.raw());
  }
}

}  // namespace weir::json
