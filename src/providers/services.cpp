// SPDX-License-Identifier: Apache-2.0
#include "providers/services.hpp"

#include <array>

namespace weir::providers {
namespace {

struct Row {
  Service service;
  std::string_view name;
  std::string_view path;
};

constexpr std::array rows{
    Row{Service::image_generations, "image generation", "/images/generations"},
    Row{Service::image_edits, "image editing", "/images/edits"},
    Row{Service::image_variations, "image variations", "/images/variations"},
    Row{Service::speech, "speech", "/audio/speech"},
    Row{Service::transcriptions, "transcription", "/audio/transcriptions"},
    Row{Service::translations, "audio translation", "/audio/translations"},
    Row{Service::moderations, "moderation", "/moderations"},
    Row{Service::rerank, "rerank", "/rerank"},
};

constexpr bool stand_in_order() {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (static_cast<std::size_t>(rows[i].service) != i) return false;
  }
  return rows.size() == service_count;
}
static_assert(stand_in_order());

const Row& row_of(Service service) { return rows[static_cast<std::size_t>(service)]; }

}  // namespace

std::string_view path_of(Service service) noexcept { return row_of(service).path; }

std::string_view name(Service service) noexcept { return row_of(service).name; }

}  // namespace weir::providers
