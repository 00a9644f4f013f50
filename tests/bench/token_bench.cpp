// SPDX-License-Identifier: Apache-2.0
//
// What token counting costs and how far the estimates are off.
//
//   token_bench report TEXTS CUTS     throughput, then errors by tokenizer and category
//   token_bench features TEXTS CUTS   the features of every text and of every beginning of one, for
//                                     tools/tokens/calibrate.py
//   token_bench counts                o200k and cl100k counts of each escaped line of standard
//   input
//
// TEXTS is tests/tokens/estimates.tsv, CUTS is cuts.tsv beside it, or others of their kind.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "support/recorded_texts.hpp"
#include "tokens/counter.hpp"

namespace weir {
namespace {

using support::RecordedCut;
using support::RecordedTexts;
using tokens::Counter;
using tokens::Method;
using tokens::Tokenizer;

constexpr Counter exact_o200k{"o200k", Tokenizer::o200k, Method::exact};
constexpr Counter exact_cl100k{"cl100k", Tokenizer::cl100k, Method::exact};

/// Processor time of this thread, in microseconds: others use the machine too.
double cpu_us() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

/// Of the fastest of some rounds.
template <class Count>
double megabytes_per_second(const std::string& text, Count count) {
  constexpr int rounds = 5;
  double best = 0;
  std::int64_t tokens = 0;
  for (int round = 0; round < rounds; ++round) {
    const double begin = cpu_us();
    tokens += count(text);
    best = std::max(best, static_cast<double>(text.size()) / (cpu_us() - begin));
  }
  if (tokens == 0) std::puts("nothing was counted");
  return best;
}

void report_throughput(const RecordedTexts& recorded) {
  constexpr std::size_t text_bytes = std::size_t{1} << 20;
  std::map<std::string, std::string> texts;
  for (const auto& one : recorded.texts) texts[one.category] += one.text;
  texts["all one letter"] = "a";
  texts["all one blank"] = " ";
  texts["letters, no word"] = "zqxjkvbpfwzzqjxwkqvjzzxq";
  std::printf("%-18s %12s %12s %12s   MB/s\n", "1 MB of", "o200k", "cl100k", "estimate");
  for (auto& [name, text] : texts) {
    const std::string unit = text;
    while (text.size() < text_bytes) text += unit;
    const auto speed = [&](const Counter& counter) {
      return megabytes_per_second(text, [&](const auto& all) { return counter.count(all); });
    };
    std::printf(
        "%-18s %12.1f %12.1f %12.1f\n", name.c_str(), speed(exact_o200k), speed(exact_cl100k),
        megabytes_per_second(text, [](const auto& all) { return exact_o200k.estimate(all); }));
  }
}

/// Mean of the errors, mean of their sizes, the 95th percentile of their sizes; in percent.
void print_errors(const std::string& tokenizer, const std::string& category,
                  const std::vector<double>& errors) {
  double sum = 0;
  std::vector<double> sizes;
  for (const double error : errors) {
    sum += error;
    sizes.push_back(std::abs(error));
  }
  std::sort(sizes.begin(), sizes.end());
  double size_sum = 0;
  for (const double size : sizes) size_sum += size;
  const auto count = static_cast<double>(errors.size());
  std::printf("| %s | %s | %zu | %+.1f | %.1f | %.1f |\n", tokenizer.c_str(), category.c_str(),
              errors.size(), sum / count, size_sum / count, sizes[(sizes.size() * 95 - 1) / 100]);
}

/// Languages that have a few texts each stand in one row.
std::string row_of(const std::string& category) {
  const std::vector<std::string> own{"English", "code", "Chinese", "JSON", "tables"};
  const bool has_row = std::find(own.begin(), own.end(), category) != own.end();
  return has_row ? category : "other languages";
}

/// Of every other text: those that the weights were not fitted to. Beginnings of them, at which
/// streams might have ended, have a row of their own.
void report_errors(const RecordedTexts& recorded, const std::vector<RecordedCut>& cuts) {
  std::puts("\n| tokenizer | texts | number | mean error % | mean size % | 95 % within % |");
  std::puts("| --- | --- | --- | --- | --- | --- |");
  for (std::size_t t = 0; t < recorded.tokenizers.size(); ++t) {
    const Counter counter("", static_cast<Tokenizer>(t), Method::estimated);
    std::map<std::string, std::vector<double>> errors;
    const auto add = [&](const std::string& category, std::string_view text, std::int64_t count) {
      if (count == 0) return;  // cut within the first character
      const auto truth = static_cast<double>(count);
      const auto guess = static_cast<double>(counter.estimate(text));
      errors[category].push_back(100 * (guess - truth) / truth);
    };
    for (std::size_t i = 1; i < recorded.texts.size(); i += 2) {
      const auto& whole = recorded.texts[i];
      add(row_of(whole.category), whole.text, whole.counts[t]);
    }
    for (const RecordedCut& cut : cuts) {
      if (cut.text % 2 == 0) continue;
      const std::string_view whole = recorded.texts[cut.text].text;
      add("streams that were cut", whole.substr(0, cut.bytes), cut.counts[t]);
    }
    for (const auto& [category, list] : errors) {
      print_errors(recorded.tokenizers[t], category, list);
    }
  }
}

void print_features(std::string_view text) {
  tokens::TextFeatures features;
  features.add(text);
  for (std::size_t i = 0; i < tokens::TextFeatures::feature_count; ++i) {
    std::printf("%s%llu", i == 0 ? "" : "\t", static_cast<unsigned long long>(features[i]));
  }
  std::puts("");
}

int run(const std::vector<std::string>& arguments) {
  if (arguments.size() == 1 && arguments[0] == "counts") {
    for (std::string line; std::getline(std::cin, line);) {
      const std::string text = support::unescaped(line);
      std::printf("%lld\t%lld\n", static_cast<long long>(exact_o200k.count(text)),
                  static_cast<long long>(exact_cl100k.count(text)));
    }
    return 0;
  }
  if (arguments.size() != 3) {
    std::fputs("usage: token_bench report|features TEXTS CUTS, token_bench counts\n", stderr);
    return 64;
  }
  const RecordedTexts recorded = support::read_recorded_texts(arguments[1]);
  const std::vector<RecordedCut> cuts = support::read_recorded_cuts(arguments[2]);
  if (recorded.texts.empty() || cuts.empty()) {
    std::fputs("one of the files has nothing in it\n", stderr);
    return 1;
  }
  if (arguments[0] == "features") {
    for (const auto& one : recorded.texts) print_features(one.text);
    for (const RecordedCut& cut : cuts) {
      print_features(std::string_view(recorded.texts[cut.text].text).substr(0, cut.bytes));
    }
    return 0;
  }
  report_throughput(recorded);
  report_errors(recorded, cuts);
  return 0;
}

}  // namespace
}  // namespace weir

int main(int argc, char** argv) { return weir::run({argv + 1, argv + argc}); }
