// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "config/resolve.hpp"
#include "json/writer.hpp"

/// What is known of a model, as JSON: the same for clients and administrators.
namespace weir::admin {

/// Capabilities that targets were found to lack, by target name.
using Refused = std::map<std::string, providers::Capabilities, std::less<>>;

/// Lays what refusals taught about the target `name` over what was unknown of it.
void apply_refused(const Refused& refused, std::string_view name, config::ModelFacts& facts);

/// Members of the object that is open: window, longest answer and each capability, all with who
/// says so, and the prices in dollars per million tokens.
void append_facts(json::Writer& json, const config::ModelFacts& facts);

/// An array of a provider's models: the facts of each, what becomes of it, and who says that there
/// is such a model.
void append_models(json::Writer& json, const config::Resolver& resolver, std::size_t provider,
                   const Refused& refused);

/// `{"providers": [...]}`: what a configuration alone tells of its providers and their models, in
/// the shape of `providers_json`.
std::string models_json(const config::Resolver& resolver);

/// A whole object about a listed name: of a model its facts, of a route its targets.
std::string listed_name_json(const config::Resolver& resolver, const Refused& refused,
                             std::string_view name);

}  // namespace weir::admin
