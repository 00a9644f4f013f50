// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "providers/price_list.hpp"
#include "wire/codec.hpp"

/// What is known about models without asking anyone: prices, limits, capabilities, ends of life.
/// The tables are made from `data/catalog.yaml` at build time and lie in read-only memory without
/// a single pointer, so that they cost nothing until a page of them is looked at.
namespace weir::providers {

/// The day the facts were put together; a model's status is judged against it.
std::string_view catalog_date() noexcept;

/// A text inside the catalog.
class CatalogText {
 public:
  constexpr CatalogText() = default;
  constexpr CatalogText(std::uint32_t offset, std::uint16_t size) : offset_(offset), size_(size) {}
  [[nodiscard]] std::string_view view() const noexcept;
  operator std::string_view() const noexcept { return view(); }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

 private:
  std::uint32_t offset_ = 0;
  std::uint16_t size_ = 0;
};

enum class Capability : std::uint16_t {
  chat = 1u << 0,
  streaming = 1u << 1,
  tools = 1u << 2,
  parallel_tools = 1u << 3,
  vision = 1u << 4,
  audio = 1u << 5,
  json_mode = 1u << 6,
  json_schema = 1u << 7,
  reasoning = 1u << 8,
  embeddings = 1u << 9,
  prompt_cache = 1u << 10,
  // The catalog says nothing of these; a rule may, see `capability_table.hpp`.
  prefill = 1u << 11,          ///< goes on from an unfinished assistant turn
  several_choices = 1u << 12,  ///< `n` above 1
  logprobs = 1u << 13,
};
using Capabilities = std::uint16_t;
constexpr bool has(Capabilities set, Capability capability) noexcept {
  return (set & static_cast<Capabilities>(capability)) != 0;
}

struct CapabilityName {
  Capability capability;
  std::string_view name;
};
inline constexpr std::array capability_names{
    CapabilityName{Capability::chat, "chat"},
    CapabilityName{Capability::streaming, "streaming"},
    CapabilityName{Capability::tools, "tools"},
    CapabilityName{Capability::parallel_tools, "parallel_tools"},
    CapabilityName{Capability::vision, "vision"},
    CapabilityName{Capability::audio, "audio"},
    CapabilityName{Capability::json_mode, "json_mode"},
    CapabilityName{Capability::json_schema, "json_schema"},
    CapabilityName{Capability::reasoning, "reasoning"},
    CapabilityName{Capability::embeddings, "embeddings"},
    CapabilityName{Capability::prompt_cache, "prompt_cache"},
    CapabilityName{Capability::prefill, "prefill"},
    CapabilityName{Capability::several_choices, "n"},
    CapabilityName{Capability::logprobs, "logprobs"},
};
std::optional<Capability> parse_capability(std::string_view name) noexcept;

enum class Tier : std::uint8_t { none, reasoning, fast, local };
enum class Status : std::uint8_t { active, deprecated, retired, unlisted };
enum class ChatTools : std::uint8_t { yes, reasoning_off, never };
std::string_view name(Tier tier) noexcept;
std::string_view name(Status status) noexcept;

/// One model at one provider.
struct Model {
  CatalogText id;
  CatalogText provider;
  PriceList prices;
  std::uint32_t context_tokens = 0;     ///< window, input and output together; 0 = unknown
  std::uint32_t output_tokens_max = 0;  ///< 0 = unknown
  std::uint32_t dimensions = 0;         ///< of the embedding vector; 0 = none
  Capabilities capabilities = 0;
  Tier tier = Tier::none;
  Status status = Status::active;
  ChatTools chat_tools = ChatTools::yes;  ///< whether Chat Completions takes function tools
  bool responses_only = false;            ///< answers on the Responses API alone
  bool takes_sampling = true;
  bool price_varies = false;   ///< the figure is a reference; the answer tells the cost
  std::uint8_t confirmed = 0;  ///< independent sources of the price
  CatalogText retires;         ///< ISO date; empty = none known
  CatalogText replaced_by;     ///< id at the same provider
  CatalogText note;
  std::uint16_t variants_begin = 0;  ///< prices under conditions, see `price_variants`
  std::uint16_t variants_end = 0;
};

/// All models, sorted by provider, then id.
std::span<const Model> models() noexcept;
std::span<const Model> models_of(std::string_view provider) noexcept;
std::span<const PriceVariant> price_variants(const Model& model) noexcept;

/// The hours in which a provider's peak price holds; empty: it has the same price all day.
std::vector<PeakHours> peak_hours_of(std::string_view provider);

/// How an id was understood.
enum class Match : std::uint8_t {
  exact,
  alias,
  dated,       ///< a snapshot of a listed model: `gpt-4.1-2025-04-14`
  fine_tuned,  ///< `ft:base:org:name:id`
  variant,     ///< a tag or suffix of a listed model: `qwen3:0.6b`, `org/model:fastest`
};

struct FoundModel {
  const Model* model = nullptr;
  Match match = Match::exact;
  explicit operator bool() const noexcept { return model != nullptr; }
};

/// Finds `id` at `provider` by its name, an alias, or as a descendant whose facts it inherits.
/// Cost: two binary searches, no allocation.
FoundModel find_model(std::string_view provider, std::string_view id) noexcept;

/// The id to send for a model that was asked for as `asked`: the catalog's own, unless `asked` is
/// more exact (a dated snapshot, a size) or a pointer that the provider moves itself (`-latest`).
std::string_view wire_id(const FoundModel& found, std::string_view asked) noexcept;

/// Every model that a bare id means, at most one per provider, in the default order of providers.
std::vector<FoundModel> providers_offering(std::string_view bare_id);

/// Names of models most like `id`, best first: bare ids, each once.
std::vector<std::string> nearest_names(std::string_view id, std::size_t count_max);

/// What an encoder needs to know of the model.
wire::ModelTraits traits_of(const Model& model) noexcept;

/// A model that has ended or will: the text that says so and names the replacement; else empty.
std::string retirement_notice(const Model& model);

}  // namespace weir::providers
