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

#include "base/edit_distance.hpp"
#include "base/moment.hpp"
#include "base/money.hpp"
#include "cli/commands.hpp"
#include "cli/offline.hpp"
#include "cli/text.hpp"
#include "cli/usage_line.hpp"
#include "json/writer.hpp"
#include "providers/pricing.hpp"
#include "providers/provider_table.hpp"
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
    "Cached and written tokens are part of the input, reasoning is part of the output.\n"
    "The exit status is 1 when the price of something is not known.";

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

/// What may have been meant by a name of which no price is known; empty: nothing is near.
std::string nearest_to(const std::string& name, const Offline& offline) {
  NearestNames nearest(name, 1);
  const auto offer = [&](const std::string& known) {
    nearest.offer(known);
    nearest.offer(std::string_view(known).substr(known.find('/') + 1));
  };
  for (const std::string& known : offline.resolver().listed_names()) offer(known);
  for (const providers::ProviderSpec& provider : providers::provider_specs()) {
    for (const providers::Model& model : providers::models_of(provider.name)) {
      offer(std::string(provider.name) + "/" + std::string(model.id));
    }
  }
  const auto names = std::move(nearest).take();
  return names.empty() ? "" : names.front();
}

/// What the usages of one model come to.
struct Sum {
  std::int64_t requests = 0;
  std::int64_t input = 0;
  std::int64_t output = 0;
  std::int64_t nanousd = 0;
  std::int64_t left_out = 0;  ///< requests of which no price is known at all
  bool is_unpriced = false;
  bool is_assumed = false;  ///< at the price of another model
  std::string version;

  /// False when a figure leaves its range.
  [[nodiscard]] bool add(const Sum& other) {
    left_out += other.left_out;
    is_unpriced = is_unpriced || other.is_unpriced;
    is_assumed = is_assumed || other.is_assumed;
    return !__builtin_add_overflow(requests, other.requests, &requests) &&
           !__builtin_add_overflow(input, other.input, &input) &&
           !__builtin_add_overflow(output, other.output, &output) &&
           !__builtin_add_overflow(nanousd, other.nanousd, &nanousd);
  }
};

class Pricing {
 public:
  Pricing(const Offline& offline, const Options& options, std::chrono::sys_seconds at)
      : offline_(offline), prices_(offline), options_(options), at_(at) {}

  /// Counts what no price is known of, too. Errors: the line makes no sense.
  Result<> add(const UsageLine& line) {
    std::string name = line.model.empty() ? options_.model : line.model;
    const providers::PriceBook* book = prices_.of(name);
    if (book == nullptr && !options_.model.empty()) {
      name = options_.model;
      book = prices_.of(name);
    }
    if (name.empty()) return Error(ErrorCode::invalid_request, "names no model");
    Sum one{.requests = 1,
            .input = line.usage.input_total(),
            .output = line.usage.output_total(),
            .version = {}};
    Sum& model = sums_[name];
    if (book == nullptr) {
      one.left_out = 1;
    } else {
      const providers::PriceConditions conditions{.at = line.at.value_or(at_),
                                                  .batch = line.is_batch || options_.is_batch};
      const providers::Bill bill = providers::bill(*book, line.usage, conditions);
      one.nanousd = bill.nanousd;
      one.is_unpriced = bill.is_unpriced;
      one.is_assumed = book->is_assumed;
      model.version = book->version;
    }
    if (!model.add(one) || !total_.add(one)) {
      return Error(ErrorCode::invalid_request, "the sum leaves its range");
    }
    return {};
  }

  /// Of each model that has no price of its own, or not for all: what is wrong. Empty: nothing.
  [[nodiscard]] std::string problems() const {
    std::string text;
    for (const auto& [name, sum] : sums_) {
      if (sum.left_out == 0 && !sum.is_unpriced) continue;
      const bool is_known = sum.left_out == 0 && !sum.is_assumed;
      text += is_known ? "no price is known of something that '" + name + "' was asked for"
                       : "no price is known of '" + name + "'";
      const std::string meant = is_known ? "" : nearest_to(name, offline_);
      if (!meant.empty()) text += " (did you mean " + meant + "?)";
      if (sum.is_assumed) text += "; taken for the dearest model of its provider";
      text += "\n";
    }
    return text;
  }
  /// There is something to show: a price of something.
  [[nodiscard]] bool has_any() const {
    return total_.requests == 0 || total_.left_out < total_.requests;
  }

  [[nodiscard]] std::string shown() const {
    std::vector<Row> rows{{"MODEL", "REQUESTS", "INPUT", "OUTPUT", "COST", "PRICES"}};
    for (const auto& [name, sum] : sums_) rows.push_back(row_of(name, sum));
    if (sums_.size() > 1) rows.push_back(row_of("total", total_));
    std::string text = table(rows);
    if (total_.is_unpriced) text += "~ something has no known price\n";
    if (total_.left_out > 0) {
      text += "? " + counted(static_cast<std::size_t>(total_.left_out), "request") +
              " without a known price: not in the cost\n";
    }
    return text;
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
            cost_of(sum),
            sum.version};
  }
  static std::string cost_of(const Sum& sum) {
    if (sum.left_out == sum.requests) return "?";
    const bool is_whole = !sum.is_unpriced && sum.left_out == 0;
    return (is_whole ? "$" : "~$") + to_usd_text(NanoUsd(sum.nanousd));
  }
  static void append(json::Writer& json, const Sum& sum) {
    json.member("requests", sum.requests).member("input_tokens", sum.input);
    json.member("output_tokens", sum.output).member("cost_nanousd", sum.nanousd);
    json.key("cost_usd").raw(to_usd_text(NanoUsd(sum.nanousd)));
    json.member("unpriced", sum.is_unpriced || sum.left_out > 0);
    json.member("requests_left_out", sum.left_out);
  }

  const Offline& offline_;
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
  if (pricing.has_any()) print(options.is_json ? pricing.json() : pricing.shown());
  const std::string problems = pricing.problems();
  if (problems.empty()) return;
  print_error(problems);
  context.exit_code = ExitCode::failed;
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
