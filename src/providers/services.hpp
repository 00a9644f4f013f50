// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>

/// What providers do beside writing text: pictures, sound, moderation, reranking, each under the
/// path that OpenAI gave it (rerank: Cohere and Jina).
namespace weir::providers {

enum class Service : std::uint8_t {
  image_generations,
  image_edits,
  image_variations,
  speech,
  transcriptions,
  translations,
  moderations,
  rerank,
};
inline constexpr std::size_t service_count = static_cast<std::size_t>(Service::rerank) + 1;

/// The path behind a base URL that ends in `/v1`: `/images/generations`.
std::string_view path_of(Service service) noexcept;

/// As said to people: `image generation`.
std::string_view name(Service service) noexcept;

/// Some of the services.
class Services {
 public:
  constexpr Services() = default;
  constexpr Services(std::initializer_list<Service> services) {
    for (const Service service : services) bits_ |= bit(service);
  }
  static constexpr Services all() {
    Services services;
    services.bits_ = (1U << service_count) - 1;
    return services;
  }
  [[nodiscard]] constexpr bool has(Service service) const { return (bits_ & bit(service)) != 0; }

 private:
  static constexpr std::uint16_t bit(Service service) {
    return static_cast<std::uint16_t>(1U << static_cast<unsigned>(service));
  }
  std::uint16_t bits_ = 0;
};

}  // namespace weir::providers
