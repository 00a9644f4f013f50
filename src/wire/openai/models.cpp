// SPDX-License-Identifier: Apache-2.0
#include "wire/openai/models.hpp"

#include "json/writer.hpp"

namespace weir::wire::openai {
namespace {

void write_model(json::Writer& json, const ModelEntry& model) {
  json.begin_object().member("id", model.id).member("object", "model");
  json.member("created", model.created).member("owned_by", model.owned_by);
  if (!model.extra.empty()) json.key("weir").raw(model.extra);
  json.end_object();
}

}  // namespace

void encode_model(const ModelEntry& model, std::string& out) {
  json::Writer json(out);
  write_model(json, model);
}

void encode_models(std::span<const ModelEntry> models, std::string& out) {
  json::Writer json(out);
  json.begin_object().member("object", "list").key("data").begin_array();
  for (const ModelEntry& model : models) write_model(json, model);
  json.end_array().end_object();
}

}  // namespace weir::wire::openai
