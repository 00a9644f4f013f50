// SPDX-License-Identifier: Apache-2.0
//
// The assembler takes the files as they are: as C arrays they would cost the compiler seconds and
// the repository five times their size. WEIR_TOKENS_DATA_DIR comes from the build.
#include "tokens/embedded.hpp"

#include <cstddef>

#ifdef __APPLE__
#define WEIR_READ_ONLY_SECTION ".const_data"
#define WEIR_SYMBOL(name) "_" #name
#else
#define WEIR_READ_ONLY_SECTION ".section .rodata"
#define WEIR_SYMBOL(name) #name
#endif

#define WEIR_EMBED(name, file)                                                                     \
  __asm__(WEIR_READ_ONLY_SECTION "\n.balign 16\n.globl " WEIR_SYMBOL(name) "_begin\n" WEIR_SYMBOL( \
      name) "_begin:\n.incbin \"" WEIR_TOKENS_DATA_DIR "/" file                                    \
            "\"\n.globl " WEIR_SYMBOL(name) "_end\n" WEIR_SYMBOL(name) "_end:\n.text\n");          \
  extern "C" const char name##_begin[];                                                            \
  extern "C" const char name##_end[]

WEIR_EMBED(weir_tokens_o200k_base, "o200k_base.zst");
WEIR_EMBED(weir_tokens_cl100k_base, "cl100k_base.zst");
WEIR_EMBED(weir_tokens_char_classes, "char_classes.bin");

namespace weir::tokens::embedded {
namespace {

std::string_view between(const char* begin, const char* end) noexcept {
  return {begin, static_cast<std::size_t>(end - begin)};
}

}  // namespace

std::string_view o200k_base() noexcept {
  return between(weir_tokens_o200k_base_begin, weir_tokens_o200k_base_end);
}
std::string_view cl100k_base() noexcept {
  return between(weir_tokens_cl100k_base_begin, weir_tokens_cl100k_base_end);
}
std::string_view char_classes() noexcept {
  return between(weir_tokens_char_classes_begin, weir_tokens_char_classes_end);
}

}  // namespace weir::tokens::embedded
