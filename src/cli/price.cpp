// SPDX-License-Identifier: Apache-2.0
//
// weir price: what a request costs, or a file of usages, without asking anybody.

#include <chrono>
#include <cstdio>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <string>

#include "base/moment.hpp"
#include "base/money.hpp"
#include "cli/commands.hpp"
#include "cli/offline.hpp"
#include "cli/text.hpp"
#include "cli/usage_line.hpp"
#include "json/writer.hpp"
#include "providers/pricing.hpp"
#include "store/files.hpp"

namespace weir::cli {
namespace {

constexpr const char* examples =
    "Examples:\n"
    "  weir price openai/gpt-5.6-luna --input 1200 --output 300 --cached 1000\n"
    "  weir price gemini/gemini-3.8-flash --input 1000 --at 2027-01-01 --batch\n"
    "  weir price --file usages.jsonl\n"
    "  jq -c .response answers.jsonl | weir price --file - openai/gpt-4.1\n"
    "\n"
    "A line is an answer of any provider, its usage object with a `model`, or plain counts:\n"
    "  "
    "{\"model\":\"openai/gpt-4.1\",\"input\":1200,\"cached\":1000,\"output\":300,\"batch\":true}\n"
    "Cached and written tokens are part of the input, reasoning is part of the output.";

constexpr std::size_t file_bytes_max = std::size_t{1} << 30;

struct Options {
  std::string model;
  std::string file;
  std::string at;
  bool is_batch = false;
  bool is_json = false;
  std::int64_t input = 0;
  std::int64_t cached = 0;
  wire::Usage parts;  ///< the other kinds, as they were given
  std::int64_t output = 0;
  std::int64_t reasoning = 0;
};

/// Finds prices, each name once.
class Prices {
 public:
  explicit Prices(const Offline& offline) : offline_(offline) {}

  /// Null when nothing is known of the model.
  const providers::PriceBook* of(const std::string& name) {
    const auto known = books_.find(name);
    if (known != books_.end()) return known->second ? &*known->second : nullptr;
    auto& book = books_[name] = find(name);
    return book ? &*book : nullptr;
  }

 private:
  [[nodiscard]] std::optional<providers::PriceBook> find(const std::string& name) const {
    const auto slash = name.find('/');
    if (slash != std::string::npos) {
      const std::string provider = name.substr(0, slash);
      const std::string model = name.substr(slash + 1);
      const auto& configured = offline_.config().providers;
      for (std::size_t i = 0; i < configured.size(); ++i) {
        if (configured[i].name == provider) return offline_.resolver().facts_of(i, model).prices;
      }
      if (const auto found = providers::find_model(provider, model)) {
        return providers::price_book(found.model, {});
      }
    }
    if (const auto route = offline_.snapshot().route(name)) {
      return (*route)->steps.front().targets.front()->prices;
    }
    const auto offers = providers::providers_offering(name);
    if (offers.empty()) return std::nullopt;
    return providers::price_book(offers.front().model, {});
  }

  const Offline& offline_;
  std::map<std::string, std::optional<providers::PriceBook>> books_;
};

/// What the usages of one model come to.
struct Sum {
  std::int64_t requests = 0;
  std::int64_t input = 0;
  std::int64_t output = 0;
  std::int64_t nanousd = 0;
  bool is_unpriced = false;
  std::string version;

  /// False when a figure leaves its range.
  [[nodiscard]] bool add(const Sum& other) {
    is_unpriced = is_unpriced || other.is_unpriced;
    return !__builtin_add_overflow(requests, other.requests, &requests) &&
           !__builtin_add_overflow(input, other.input, &input) &&
           !__builtin_add_overflow(output, other.output, &output) &&
           !__builtin_add_overflow(nanousd, other.nanousd, &nanousd);
  }
};

class Pricing {
 public:
  Pricing(const Offline& offline, const Options& options, std::chrono::sys_seconds at)
      : prices_(offline), options_(options), at_(at) {}

  /// Errors: the line can't be priced.
  Result<> add(const UsageLine& line) {
    std::string name = line.model.empty() ? options_.model : line.model;
    const providers::PriceBook* book = prices_.of(name);
    if (book == nullptr && !options_.model.empty()) {
      name = options_.model;
      book = prices_.of(name);
    }
    if (name.empty()) return Error(ErrorCode::invalid_request, "names no model");
    if (book == nullptr) {
      return Error(ErrorCode::invalid_request, "no price is known of '" + name + "'");
    }
    const providers::PriceConditions conditions{.at = line.at.value_or(at_),
                                                .batch = line.is_batch || options_.is_batch};
    const providers::Bill bill = providers::bill(*book, line.usage, conditions);
    const Sum one{.requests = 1,
                  .input = line.usage.input_total(),
                  .output = line.usage.output_total(),
                  .nanousd = bill.nanousd,
                  .is_unpriced = bill.is_unpriced,
                  .version = {}};
    Sum& model = sums_[name];
    model.version = book->version;
    if (!model.add(one) || !total_.add(one)) {
      return Error(ErrorCode::invalid_request, "the sum leaves its range");
    }
    return {};
  }

  [[nodiscard]] std::string shown() const {
    std::vector<Row> rows{{"MODEL", "REQUESTS", "INPUT", "OUTPUT", "COST", "PRICES"}};
    for (const auto& [name, sum] : sums_) rows.push_back(row_of(name, sum));
    if (sums_.size() > 1) rows.push_back(row_of("total", total_));
    return table(rows) + (total_.is_unpriced ? "~ something has no known price\n" : "");
  }

  [[nodiscard]] std::string json() const {
    std::string out;
    json::Writer json(out);
    json.begin_object().key("models").begin_array();
    for (const auto& [name, sum] : sums_) {
      json.begin_object().member("model", name);
      append(json, sum);
      json.member("price_version", sum.version).end_object();
    }
    json.end_array().key("total").begin_object();
    append(json, total_);
    json.end_object().end_object();
    return out + "\n";
  }

 private:
  static Row row_of(const std::string& name, const Sum& sum) {
    return {name,
            std::to_string(sum.requests),
            std::to_string(sum.input),
            std::to_string(sum.output),
            (sum.is_unpriced ? "~$" : "$") + to_usd_text(NanoUsd(sum.nanousd)),
            sum.version};
  }
  static void append(json::Writer& json, const Sum& sum) {
    json.member("requests", sum.requests).member("input_tokens", sum.input);
    json.member("output_tokens", sum.output).member("cost_nanousd", sum.nanousd);
    json.key("cost_usd").raw(to_usd_text(NanoUsd(sum.nanousd)));
    json.member("unpriced", sum.is_unpriced);
  }

  Prices prices_;
  const Options& options_;
  std::chrono::sys_seconds at_;
  std::map<std::string, Sum> sums_;
  Sum total_;
};

Result<UsageLine> line_of(const Options& options) {
  UsageLine line;
  line.usage = options.parts;
  line.usage.input_cache_read = options.cached;
  line.usage.input = options.input - options.cached - options.parts.input_cache_write -
                     options.parts.input_cache_write_1h;
  line.usage.output_reasoning = options.reasoning;
  line.usage.output = options.output - options.reasoning;
  if (line.usage.input < 0) {
    return Error(ErrorCode::invalid_request, "--cached and written tokens are part of --input");
  }
  if (line.usage.output < 0) {
    return Error(ErrorCode::invalid_request, "--reasoning is part of --output");
  }
  return line;
}

Result<> add_lines(std::istream& lines, Pricing& pricing) {
  std::string text;
  json::Document document;
  for (std::size_t number = 1; std::getline(lines, text); ++number) {
    const auto refused = [&](const std::string& why) {
      return Error(ErrorCode::invalid_request, "line " + std::to_string(number) + ": " + why);
    };
    if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
    if (const auto parsed = document.parse(text); !parsed) return refused(parsed.error().message);
    const auto line = read_usage_line(document.root());
    if (!line) return refused(line.error().message);
    if (const auto added = pricing.add(*line); !added) return refused(added.error().message);
  }
  return {};
}

Result<> add_all(const Options& options, Pricing& pricing) {
  if (options.file.empty()) {
    WEIR_TRY_ASSIGN(line, line_of(options));
    return pricing.add(line);
  }
  if (options.file == "-") return add_lines(std::cin, pricing);
  WEIR_TRY_ASSIGN(text, store::read_file(options.file, file_bytes_max));
  std::istringstream lines(std::move(text));
  return add_lines(lines, pricing);
}

void price(Context& context, const Options& options) {
  auto at = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  if (!options.at.empty()) {
    const auto asked = parse_moment(options.at);
    if (!asked) {
      print_error("--at must be a date such as 2026-12-01 or 2026-12-01T16:30\n");
      context.exit_code = ExitCode::usage;
      return;
    }
    at = *asked;
  }
  if (options.file.empty() && options.model.empty()) {
    print_error("name a model, or a --file of usages\n");
    context.exit_code = ExitCode::usage;
    return;
  }
  auto loaded = load_config(context);
  if (!loaded) return;
  Offline offline;
  if (const auto opened = offline.open(std::move(*loaded), context.environment); !opened) {
    print_error(opened.error().message + "\n");
    context.exit_code = ExitCode::config;
    return;
  }
  Pricing pricing(offline, options, at);
  if (const auto added = add_all(options, pricing); !added) {
    print_error(added.error().message + "\n");
    context.exit_code = ExitCode::failed;
    return;
  }
  print(options.is_json ? pricing.json() : pricing.shown());
}

void add_counts(Command& command, Options& options) {
  const auto count = [&](const char* name, std::int64_t& out, const char* about) {
    command.add_option(name, out, about).between(0, std::int64_t{1} << 40);
  };
  count("--input", options.input, "Input tokens, cached ones included");
  count("--output", options.output, "Output tokens, reasoning included");
  count("--cached", options.cached, "Input tokens read from the prompt cache");
  count("--cache-write", options.parts.input_cache_write, "Input tokens written to it");
  count("--cache-write-1h", options.parts.input_cache_write_1h, "The same, kept for an hour");
  count("--reasoning", options.reasoning, "Output tokens that are reasoning");
  count("--audio-input", options.parts.input_audio, "Input tokens that are sound");
  count("--audio-output", options.parts.output_audio, "Output tokens that are sound");
  count("--image-input", options.parts.input_image, "Input tokens that are pictures");
  count("--image-output", options.parts.output_image, "Output tokens that are pictures");
  count("--searches", options.parts.search_units, "Searches, where they have a price");
}

}  // namespace

void add_price(Command& app, Context& context) {
  Command command = app.add_subcommand("price", "Compute what requests cost");
  command.footer(examples);
  auto options = std::make_shared<Options>();
  command.add_option("model", options->model, "Model, as provider/model");
  command.add_option("-f,--file", options->file, "JSON lines of usages; - is standard input");
  command.add_option("--at", options->at, "Prices of that day, or of that minute in UTC");
  command.add_flag("--batch", options->is_batch, "Prices of the batch API");
  command.add_flag("--json", options->is_json, "Write JSON");
  add_counts(command, *options);
  add_load_options(command, context);
  command.callback([&context, options] { price(context, *options); });
}

}  // namespace weir::cli
