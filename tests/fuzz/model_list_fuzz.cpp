// SPDX-License-Identifier: Apache-2.0
//
// Lists of models against arbitrary bytes: whatever listens on a provider's port, what is read of
// its list is bounded, can stand in a URL and on a terminal, and is the same each time.
//
// Input: one byte for the dialect; then the text.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.hpp"
#include "engine/model_list.hpp"
#include "providers/capability_table.hpp"

namespace weir {
namespace {

constexpr std::array dialects{wire::Dialect::openai_chat, wire::Dialect::openai_responses,
                              wire::Dialect::anthropic, wire::Dialect::gemini,
                              wire::Dialect::ollama};
static_assert(dialects.size() == wire::dialect_count);

void expect_sound(const config::DetectedModel& model) {
  WEIR_ASSERT(!model.id.empty());
  WEIR_ASSERT(std::all_of(model.id.begin(), model.id.end(), [](char c) {
    return static_cast<unsigned char>(c) > ' ' && c != '\x7f';
  }));
  WEIR_ASSERT(model.context_tokens >= 0);
  WEIR_ASSERT(model.output_tokens_max >= 0);
  WEIR_ASSERT((model.capabilities.yes & model.capabilities.no) == 0);
}

void fuzz_model_list(std::string_view input) {
  if (input.empty()) return;
  const auto dialect = dialects[static_cast<unsigned char>(input.front()) % dialects.size()];
  const std::string_view text = input.substr(1);
  const auto models = engine::read_model_list(dialect, text);
  if (!models) return;
  WEIR_ASSERT(models->size() <= engine::listed_models_max);
  for (const config::DetectedModel& model : *models) expect_sound(model);
  const auto again = engine::read_model_list(dialect, text);
  WEIR_ASSERT(again.has_value());
  const config::DetectedList list(*models);
  WEIR_ASSERT(list == config::DetectedList(*again));
  // Whatever is listed is found by its name.
  for (const config::DetectedModel& model : list.models()) {
    WEIR_ASSERT(list.find(model.id) == &model);
  }
}

}  // namespace
}  // namespace weir

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  weir::fuzz_model_list({reinterpret_cast<const char*>(data), size});
  return 0;
}
