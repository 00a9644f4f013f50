// SPDX-License-Identifier: Apache-2.0
//
// Which models count how, as a table that is searched from the front.
#include <algorithm>
#include <array>

#include "base/ascii.hpp"
#include "tokens/counter.hpp"

namespace weir::tokens {
namespace {

constexpr Counter o200k{"o200k_base", Tokenizer::o200k, Method::exact};
constexpr Counter cl100k{"cl100k_base", Tokenizer::cl100k, Method::exact};
constexpr Counter claude_2{"claude-2", Tokenizer::claude_2, Method::estimated};
constexpr Counter claude{"claude", Tokenizer::claude_2, Method::unmeasured};
constexpr Counter gemma{"gemma-3", Tokenizer::gemma_3, Method::estimated};
constexpr Counter gemini{"gemini", Tokenizer::gemma_3, Method::unmeasured};
constexpr Counter llama_2{"llama-2", Tokenizer::llama_2, Method::estimated};
constexpr Counter llama_3{"llama-3", Tokenizer::llama_3, Method::estimated};
constexpr Counter llama_4{"llama-4", Tokenizer::llama_3, Method::unmeasured};
constexpr Counter mistral_v3{"mistral-v3", Tokenizer::mistral_v3, Method::estimated};
constexpr Counter tekken{"tekken", Tokenizer::tekken, Method::estimated};
constexpr Counter qwen{"qwen-3", Tokenizer::qwen_3, Method::estimated};
constexpr Counter qwen_later{"qwen", Tokenizer::qwen_3, Method::unmeasured};
constexpr Counter deepseek{"deepseek-v3", Tokenizer::deepseek_v3, Method::estimated};
constexpr Counter openai_other{"openai", Tokenizer::o200k, Method::unmeasured};
constexpr Counter other{"other", Tokenizer::o200k, Method::unmeasured};

struct Family {
  std::string_view part;  ///< of the model's id, in lower case
  const Counter* counter;
  bool only_begins = false;  ///< the id has it at its beginning
};

// The first that fits, so the narrower name stands before the wider one.
// clang-format off
constexpr std::array families{
    Family{"gpt-oss", &o200k},
    Family{"gpt-4o", &o200k},
    Family{"gpt-4.1", &o200k},
    Family{"gpt-4.5", &o200k},
    Family{"gpt-5", &o200k},
    Family{"o1", &o200k, true},
    Family{"o3", &o200k, true},
    Family{"o4", &o200k, true},
    Family{"gpt-4", &cl100k},
    Family{"gpt-3.5", &cl100k},
    Family{"gpt-35", &cl100k},  // Azure writes it without the dot
    Family{"text-embedding-3", &cl100k},
    Family{"text-embedding-ada-002", &cl100k},
    Family{"davinci-002", &cl100k, true},
    Family{"babbage-002", &cl100k, true},
    Family{"claude-2", &claude_2},
    Family{"claude-instant", &claude_2},
    Family{"claude", &claude},
    Family{"gemini", &gemini},
    Family{"gemma-3", &gemma},
    Family{"gemma3", &gemma},
    Family{"gemma", &gemini},
    Family{"deepseek-r1-distill", &other},  // counts as the model it was distilled into
    Family{"deepseek-v2", &other},
    Family{"deepseek", &deepseek},
    Family{"codellama", &llama_2},
    Family{"llama-2", &llama_2},
    Family{"llama2", &llama_2},
    Family{"llama-3", &llama_3},
    Family{"llama3", &llama_3},
    Family{"llama", &llama_4},
    Family{"open-mistral-nemo", &tekken},
    Family{"mistral-nemo", &tekken},
    Family{"pixtral", &tekken},
    Family{"ministral", &tekken},
    Family{"mistral-small-24", &tekken},
    Family{"mistral-small3", &tekken},
    Family{"magistral", &tekken},
    Family{"devstral", &tekken},
    Family{"mistral-7b", &mistral_v3},
    Family{"mixtral", &mistral_v3},
    Family{"mistral", &tekken},
    Family{"qwen2", &qwen},
    Family{"qwen3.", &qwen_later},
    Family{"qwen-3.", &qwen_later},
    Family{"qwen3", &qwen},
    Family{"qwen", &qwen_later},
    Family{"qwq", &qwen},
};
// clang-format on

bool fits(const Family& family, std::string_view model) {
  const std::size_t at = ascii::find_ignoring_case(model, family.part);
  return at == 0 || (at != std::string_view::npos && !family.only_begins);
}

/// Without the vendors before a slash and the marks of a fine-tuned model.
std::string_view bare_id(std::string_view model) {
  model.remove_prefix(model.rfind('/') + 1);  // npos + 1 is 0
  if (model.starts_with("ft:")) model.remove_prefix(3);
  return model;
}

}  // namespace

const Counter& counter_for(std::string_view provider, std::string_view model) noexcept {
  model = bare_id(model);
  const auto found = std::find_if(families.begin(), families.end(),
                                  [&](const Family& family) { return fits(family, model); });
  if (found != families.end()) return *found->counter;
  if (provider == "openai" || provider == "azure") return openai_other;
  if (provider == "anthropic") return claude;
  if (provider == "gemini") return gemini;
  return other;
}

}  // namespace weir::tokens
