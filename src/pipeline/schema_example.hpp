// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "json/document.hpp"

namespace weir::pipeline {

/// Appends a value that `schema`, a JSON schema, takes: of each object the required members, of
/// each enumeration the first word, else the plainest value of the type within its bounds. Looks at
/// neither patterns nor conditions. Bounded, whatever the schema: what nests too deep or grows too
/// large is left empty.
/// Source: JSON Schema 2020-12, validation vocabulary, as far as tools' schemas use it.
void append_example(json::Value schema, std::string& out);

}  // namespace weir::pipeline
