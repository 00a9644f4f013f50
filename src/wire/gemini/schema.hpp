// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "json/document.hpp"
#include "json/writer.hpp"
#include "weir/result.hpp"

/// The subset of OpenAPI's Schema object that Gemini's `parameters` and `responseSchema` take.
namespace weir::wire::gemini {

/// Lowers a JSON Schema to the subset and appends it.
///
/// References are inlined (recursion is cut after three rounds, by an open object), `const` becomes
/// `enum`, enum values become strings, `null` among types or alternatives becomes `nullable`,
/// `oneOf` becomes `anyOf`, `allOf` is merged, exclusive bounds become inclusive ones. Keywords
/// that the subset lacks are left out: the result accepts what the schema accepts, and maybe more.
///
/// Errors: `invalid_request` for a reference that leads nowhere, and for a schema that grows over
/// 1 MiB when its references are inlined.
/// Source: ai.google.dev/api/caching#Schema.
Result<> append_openapi_schema(std::string& out, json::Value schema);

struct SchemaMember {
  bool takes_json_schema = true;
  std::string_view json_schema_name;  ///< where a JSON Schema may stand as it is
  std::string_view openapi_name;      ///< where the subset stands, for models without the former
  std::string_view field;             ///< the client's, for errors
};
/// Writes a JSON Schema as a member of the open object; none when nothing is left of it.
/// Errors: as above, and for a `schema` that is no JSON.
Result<> write_schema(json::Writer& json, std::string_view schema, const SchemaMember& member);

/// The way back: lower-case types, `nullable` as a second type, counts as numbers; what JSON Schema
/// does not know (`propertyOrdering`, `example`) is left out.
void append_json_schema(std::string& out, json::Value openapi);

}  // namespace weir::wire::gemini
