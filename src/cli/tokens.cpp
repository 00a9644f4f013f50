// SPDX-License-Identifier: Apache-2.0
//
// weir tokens: how many tokens a text is to a model, without asking anybody.

#include <array>
#include <cstdio>
#include <memory>
#include <string>

#include "cli/commands.hpp"
#include "cli/text.hpp"
#include "store/files.hpp"
#include "tokens/counter.hpp"

namespace weir::cli {
namespace {

constexpr std::size_t file_bytes_max = std::size_t{256} << 20;

constexpr const char* examples =
    "Examples:\n"
    "  weir tokens prompt.txt                          as GPT-4o and later count\n"
    "  weir tokens -m claude-sonnet-4-5 prompt.txt     by estimate\n"
    "  git diff | weir tokens -m openai/gpt-4.1        standard input\n"
    "\n"
    "exact: the model's own tokenizer. estimated: fitted to it, the mean within 10 %.\n"
    "unmeasured: it is not public; fitted to the nearest that is.";

struct Options {
  std::string model = "gpt-4o";
  std::string file = "-";
};

void feed_standard_input(tokens::StreamCounter& counter) {
  std::array<char, std::size_t{64} << 10> piece;
  for (std::size_t got = 0; (got = std::fread(piece.data(), 1, piece.size(), stdin)) > 0;) {
    counter.feed({piece.data(), got});
  }
}

Result<> feed_file(const std::string& file, tokens::StreamCounter& counter) {
  WEIR_TRY_ASSIGN(text, store::read_file(file, file_bytes_max));
  counter.feed(text);
  return {};
}

void count_tokens(Context& context, const Options& options) {
  const std::size_t slash = options.model.find('/');
  const std::string provider = options.model.substr(0, slash == std::string::npos ? 0 : slash);
  const tokens::Counter& counter = tokens::counter_for(provider, options.model);
  tokens::StreamCounter stream(counter);
  if (options.file == "-") {
    feed_standard_input(stream);
  } else if (const auto fed = feed_file(options.file, stream); !fed) {
    print_error(fed.error().message + "\n");
    context.exit_code = ExitCode::failed;
    return;
  }
  print(std::to_string(stream.total()) + " " + std::string(tokens::name_of(counter.method())) +
        " " + std::string(counter.name()) + "\n");
}

}  // namespace

void add_tokens(Command& app, Context& context) {
  Command command = app.add_subcommand("tokens", "Count the tokens of a text");
  command.footer(examples);
  auto options = std::make_shared<Options>();
  command.add_option("-m,--model", options->model, "Model to count for").show_default();
  command.add_option("file", options->file, "File to count; - is standard input").show_default();
  command.callback([&context, options] { count_tokens(context, *options); });
}

}  // namespace weir::cli
