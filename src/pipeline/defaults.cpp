// SPDX-License-Identifier: Apache-2.0
#include "pipeline/defaults.hpp"

#include "json/writer.hpp"
#include "pipeline/codecs.hpp"

namespace weir::pipeline {
namespace {

/// The value that was set, else the default.
template <class T>
void fill(T& value, const T& standard) {
  if (value == T{}) value = standard;
}

}  // namespace

std::string with_params(json::Value root, const Params& params) {
  std::string added;
  for (const auto& [name, json] : params) {
    if (root.find(name)) continue;
    json::append_string(added, name);
    added.append(":").append(json).append(",");
  }
  std::string out(root.raw());
  if (root.size() == 0 && !added.empty()) added.pop_back();
  out.insert(1, added);
  return out;
}

Result<> fill_defaults(wire::ChatRequest& request, const Params& params) {
  if (params.empty()) return {};
  // The defaults are written in OpenAI's words, so OpenAI's decoder reads them.
  std::string text;
  json::Writer json(text);
  json.begin_object().member("model", "defaults").key("messages").begin_array().begin_object();
  json.member("role", "user").member("content", "").end_object().end_array();
  for (const auto& [name, value] : params) json.key(name).raw(value);
  json.end_object();
  json::Document document;
  WEIR_TRY(document.parse(text));
  const auto& codec = codec_of(wire::Dialect::openai_chat);
  WEIR_TRY_ASSIGN(standard, codec.decode_request(document.root()));
  fill(request.output_tokens_max, standard.output_tokens_max);
  fill(request.sampling.temperature, standard.sampling.temperature);
  fill(request.sampling.top_p, standard.sampling.top_p);
  fill(request.sampling.top_k, standard.sampling.top_k);
  fill(request.sampling.presence_penalty, standard.sampling.presence_penalty);
  fill(request.sampling.frequency_penalty, standard.sampling.frequency_penalty);
  fill(request.sampling.seed, standard.sampling.seed);
  fill(request.sampling.logit_bias, standard.sampling.logit_bias);
  fill(request.stop, standard.stop);
  fill(request.format, standard.format);
  fill(request.reasoning, standard.reasoning);
  fill(request.parallel_tool_calls, standard.parallel_tool_calls);
  fill(request.verbosity, standard.verbosity);
  fill(request.user, standard.user);
  fill(request.service_tier, standard.service_tier);
  fill(request.prompt_cache_key, standard.prompt_cache_key);
  fill(request.store, standard.store);
  fill(request.metadata, standard.metadata);
  // Members that only their own dialect knows are of no use to another one.
  if (request.origin == standard.origin) fill(request.extra, standard.extra);
  return {};
}

}  // namespace weir::pipeline
