// SPDX-License-Identifier: Apache-2.0
#include "tokens/chat_tally.hpp"

#include <algorithm>
#include <array>

#include "base/ascii.hpp"

namespace weir::tokens {
namespace {

constexpr std::int64_t message_tokens = 3;
constexpr std::int64_t name_tokens = 1;
constexpr std::int64_t answer_begin_tokens = 3;
constexpr std::int64_t tool_tokens = 7;
constexpr std::int64_t tool_list_tokens = 12;
constexpr ImageSize usual_image{1024, 1024, false};

std::int64_t parts_of(std::int64_t length, std::int64_t part) { return (length + part - 1) / part; }

/// Tokens for every image and for each tile of 512 pixels.
struct TilePrice {
  std::string_view model;
  std::int64_t base;
  std::int64_t tile;
};
/// Tokens per hundred patches of 32 pixels, of which there are 1536 at most.
struct PatchPrice {
  std::string_view model;
  std::int64_t percent;
};

// OpenAI, "Images and vision"; from memory, not checked against it. The first name that the id has
// in it.
constexpr std::array patch_prices{
    PatchPrice{"gpt-4.1-mini", 162}, PatchPrice{"gpt-4.1-nano", 246}, PatchPrice{"o4-mini", 172},
    PatchPrice{"gpt-5-mini", 162},   PatchPrice{"gpt-5-nano", 246},
};
constexpr std::array tile_prices{
    TilePrice{"gpt-4o-mini", 2833, 5667},
    TilePrice{"gpt-5", 70, 140},
    TilePrice{"o1", 75, 150},
    TilePrice{"o3", 75, 150},
    TilePrice{"", 85, 170},
};

bool has(std::string_view model, std::string_view part) {
  return ascii::find_ignoring_case(model, part) != std::string_view::npos;
}

/// Made to fit 2048 by 2048, then to 768 on its shorter side, and cut into tiles.
std::int64_t tile_tokens(const TilePrice& price, const ImageSize& image) {
  if (image.is_low_detail) return price.base;
  constexpr std::int64_t longer_max = 2048;
  constexpr std::int64_t shorter_max = 768;
  std::int64_t longer = std::max(image.width, image.height);
  std::int64_t shorter = std::min(image.width, image.height);
  if (longer > longer_max) {
    shorter = std::max<std::int64_t>(1, shorter * longer_max / longer);
    longer = longer_max;
  }
  if (shorter > shorter_max) {
    longer = longer * shorter_max / shorter;
    shorter = shorter_max;
  }
  return price.base + price.tile * parts_of(longer, 512) * parts_of(shorter, 512);
}

std::int64_t openai_image_tokens(std::string_view model, const ImageSize& image) {
  for (const PatchPrice& price : patch_prices) {
    if (!has(model, price.model)) continue;
    constexpr std::int64_t patches_max = 1536;
    const std::int64_t patches = parts_of(image.width, 32) * parts_of(image.height, 32);
    return std::min(patches, patches_max) * price.percent / 100;
  }
  const auto price = std::find_if(tile_prices.begin(), tile_prices.end(),
                                  [&](const TilePrice& row) { return has(model, row.model); });
  return tile_tokens(*price, image);  // the last row fits every model
}

/// Pixels by 750, of an image that is made smaller when it would cost more.
std::int64_t claude_image_tokens(const ImageSize& image) {
  return std::min<std::int64_t>(1600, parts_of(image.width * image.height, 750));
}

/// One price for small images, the same for every tile of larger ones.
std::int64_t gemini_image_tokens(const ImageSize& image) {
  constexpr std::int64_t tile = 258;
  if (image.width <= 384 && image.height <= 384) return tile;
  return tile * parts_of(image.width, 768) * parts_of(image.height, 768);
}

}  // namespace

std::int64_t image_tokens(std::string_view provider, std::string_view model,
                          const ImageSize& image) {
  // Larger than any picture that is sent; keeps the products far from overflow.
  constexpr std::int64_t side_max = 1 << 16;
  const bool is_known = image.width > 0 && image.height > 0;
  const ImageSize size{is_known ? std::min(image.width, side_max) : usual_image.width,
                       is_known ? std::min(image.height, side_max) : usual_image.height,
                       image.is_low_detail};
  if (provider == "anthropic" || has(model, "claude")) return claude_image_tokens(size);
  if (provider == "gemini" || has(model, "gemini")) return gemini_image_tokens(size);
  return openai_image_tokens(model, size);
}

void ChatTally::message(std::string_view role, std::string_view name) {
  tokens_ += message_tokens + counter_->count(role);
  if (!name.empty()) tokens_ += name_tokens + counter_->count(name);
}

void ChatTally::image(const ImageSize& image) {
  tokens_ += image_tokens(provider_, model_, image);
  is_doubtful_ = true;
}

void ChatTally::tool_call(std::string_view name, std::string_view arguments) {
  tokens_ += message_tokens + counter_->count(name) + counter_->count(arguments);
  is_doubtful_ = true;
}

void ChatTally::tool(std::string_view name, std::string_view description,
                     std::string_view parameters) {
  tokens_ += tool_tokens + counter_->count(name) + counter_->count(description) +
             counter_->count(parameters);
  has_tools_ = true;
  is_doubtful_ = true;
}

void ChatTally::output_schema(std::string_view schema) {
  tokens_ += counter_->count(schema);
  is_doubtful_ = true;
}

Tally ChatTally::total() const {
  Tally tally{tokens_ + answer_begin_tokens, counter_->method()};
  if (has_tools_) tally.tokens += tool_list_tokens;
  if (is_doubtful_ && tally.method == Method::exact) tally.method = Method::estimated;
  return tally;
}

}  // namespace weir::tokens
