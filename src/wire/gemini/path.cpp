// SPDX-License-Identifier: Apache-2.0
#include "wire/gemini/path.hpp"

#include <utility>

#include "base/ascii.hpp"
#include "wire/gemini/codec.hpp"

namespace weir::wire::gemini {
namespace {

/// The collection that the model belongs to, and its id there.
std::pair<std::string_view, std::string_view> split(std::string_view model) {
  for (const std::string_view collection : {"models/", "tunedModels/"}) {
    if (model.starts_with(collection)) return {collection, model.substr(collection.size())};
  }
  return {"models/", model};
}

void append_percent_encoded(std::string& out, std::string_view text) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  for (const char c : text) {
    if (ascii::is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~') {
      out.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out.append({'%', hex[byte >> 4], hex[byte & 15]});
    }
  }
}

}  // namespace

std::string resource_name(std::string_view model) {
  const auto [collection, id] = split(model);
  return std::string(collection).append(id);
}

std::string method_path(std::string_view model, std::string_view method) {
  const auto [collection, id] = split(model);
  std::string path = "/";
  path.append(collection);
  append_percent_encoded(path, id);
  return path.append(":").append(method);
}

std::string request_path(std::string_view model, bool stream) {
  return method_path(model, stream ? "streamGenerateContent?alt=sse" : "generateContent");
}

}  // namespace weir::wire::gemini
