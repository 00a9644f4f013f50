// SPDX-License-Identifier: Apache-2.0
#include "net/http/target.hpp"

#include <algorithm>

#include "base/ascii.hpp"
#include "base/utf8.hpp"

namespace weir::net::http {
namespace {

enum class Plus { stays, is_blank };

std::optional<std::string> decode(std::string_view text, Plus plus) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus == Plus::is_blank) {
      out.push_back(' ');
    } else if (text[i] != '%') {
      out.push_back(text[i]);
    } else {
      const int high = i + 2 < text.size() ? ascii::hex_value(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? ascii::hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0) return std::nullopt;
      out.push_back(static_cast<char>(high << 4 | low));
      i += 2;
    }
  }
  return out;
}

/// Calls `visit` with each piece of `text` between slashes.
template <class Visit>
void for_each_segment(std::string_view text, Visit visit) {
  for (;;) {
    const std::size_t slash = text.find('/');
    visit(text.substr(0, slash));
    if (slash == std::string_view::npos) return;
    text.remove_prefix(slash + 1);
  }
}

/// Gives the reason of a refusal, empty for a path that reads the same to everyone.
std::string_view check_decoded_path(std::string_view path) {
  const auto is_control = [](char c) { return (c >= 0 && c < ' ') || c == '\x7F'; };
  if (std::any_of(path.begin(), path.end(), is_control)) {
    return "the path has a control character";
  }
  if (path.find('\\') != std::string_view::npos) return "the path has a backslash";
  bool has_dots = false;
  for_each_segment(path, [&](std::string_view segment) {
    has_dots = has_dots || segment == "." || segment == "..";
  });
  return has_dots ? "the path has a dot segment" : std::string_view{};
}

/// Has nothing that wants a closer look: no escape, no fragment, no dot.
bool is_plain(std::string_view path) {
  return std::all_of(path.begin(), path.end(), [](char c) {
    return ascii::is_alnum(c) || c == '/' || c == '-' || c == '_' || c == ':';
  });
}

std::string_view check_path(std::string_view path) {
  if (is_plain(path)) return {};
  if (path.find('#') != std::string_view::npos) return "the target has a fragment";
  if (path.find('%') == std::string_view::npos) return check_decoded_path(path);
  const auto decoded = decode(path, Plus::stays);
  if (!decoded) return "the path has a malformed escape";
  if (valid_utf8_prefix(*decoded) != decoded->size()) return "the path is not UTF-8";
  return check_decoded_path(*decoded);
}

/// Takes scheme and authority from an absolute URL; false when it is none.
bool take_authority(std::string_view& url, std::string_view& authority) {
  const std::size_t colon = url.find(':');
  if (colon == std::string_view::npos) return false;
  const std::string_view scheme = url.substr(0, colon);
  const bool is_http =
      ascii::equals_ignoring_case(scheme, "http") || ascii::equals_ignoring_case(scheme, "https");
  if (!is_http || !url.substr(colon).starts_with("://")) return false;
  url.remove_prefix(colon + 3);
  authority = url.substr(0, url.find_first_of("/?#"));
  url.remove_prefix(authority.size());
  return true;
}

Error refuse(std::string_view reason) {
  return Error(ErrorCode::invalid_request, std::string(reason));
}

void split_path(std::string_view path, Target& target) {
  constexpr std::size_t usual_count = 8;
  target.segments.reserve(usual_count);
  for_each_segment(path, [&](std::string_view segment) {
    if (!segment.empty()) target.segments.push_back(segment);
  });
  target.ends_in_slash = path.ends_with('/');
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text) {
  return decode(text, Plus::stays);
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (ascii::is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~') {
      out.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out.append({'%', digits[byte >> 4], digits[byte & 0xF]});
    }
  }
  return out;
}

std::optional<std::string> Query::find(std::string_view name) const {
  std::string_view rest = raw_;
  while (!rest.empty()) {
    const std::string_view parameter = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(parameter.size() + 1, rest.size()));
    const std::size_t equals = std::min(parameter.find('='), parameter.size());
    const auto decoded_name = decode(parameter.substr(0, equals), Plus::is_blank);
    if (!decoded_name || *decoded_name != name) continue;
    return decode(parameter.substr(std::min(equals + 1, parameter.size())), Plus::is_blank);
  }
  return std::nullopt;
}

Result<> parse_target(const RequestHead& head, Target& target) {
  target.segments.clear();
  target.ends_in_slash = false;
  target.query = Query();
  if (head.method == "CONNECT") return refuse("this is no proxy: CONNECT is not served");
  if (head.target == "*") {
    if (head.method != "OPTIONS") return refuse("the target * goes with OPTIONS only");
    target.path = head.target;
    return {};
  }
  std::string_view rest = head.target;
  std::string_view authority;
  if (!rest.starts_with('/')) {
    if (!take_authority(rest, authority)) return refuse("the request target is malformed");
    if (!ascii::equals_ignoring_case(authority, head.host)) {
      return refuse("the target's authority differs from Host");
    }
  }
  const std::size_t question = std::min(rest.find('?'), rest.size());
  target.path = rest.substr(0, question);
  if (target.path.empty()) target.path = "/";
  target.query = Query(rest.substr(std::min(question + 1, rest.size())));
  if (const auto reason = check_path(target.path); !reason.empty()) return refuse(reason);
  if (target.query.raw().find('#') != std::string_view::npos) {
    return refuse("the target has a fragment");
  }
  split_path(target.path, target);
  return {};
}

}  // namespace weir::net::http
