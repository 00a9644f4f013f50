// SPDX-License-Identifier: Apache-2.0
#include "pipeline/provider_extras.hpp"

#include <utility>

#include "json/document.hpp"
#include "pipeline/defaults.hpp"
#include "wire/anthropic/prompt_cache.hpp"

namespace weir::pipeline {

Result<> add_provider_extras(const Target& target, std::string& body) {
  const Upstream& upstream = *target.upstream;
  if (upstream.keep_alive.empty() && !upstream.marks_prompt_cache) return {};
  json::Document document;
  WEIR_TRY(document.parse(body));
  std::string out;
  if (upstream.marks_prompt_cache) {
    wire::anthropic::append_with_cache_marks(document.root(), out);
  } else {
    out = with_params(document.root(), {{"keep_alive", upstream.keep_alive}});
  }
  body = std::move(out);
  return {};
}

}  // namespace weir::pipeline
