// SPDX-License-Identifier: Apache-2.0
#include "tokens/counter.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "support/recorded_texts.hpp"

namespace weir::tokens {
namespace {

using support::read_recorded_texts;

const Counter& o200k() { return counter_for("openai", "gpt-4o"); }
const Counter& cl100k() { return counter_for("openai", "gpt-4"); }

std::string recorded(const std::string& name) {
  return std::string(WEIR_SOURCE_DIR) + "/tests/tokens/" + name;
}

// The corpus was counted by tiktoken itself: tools/tokens/record_exact.py.
TEST(Counter, CountsWhatOpenAiCounts) {
  const auto all = read_recorded_texts(recorded("exact.tsv"));
  ASSERT_EQ(all.tokenizers, (std::vector<std::string>{"o200k_base", "cl100k_base"}));
  ASSERT_GT(all.texts.size(), 100U);
  for (const auto& one : all.texts) {
    EXPECT_EQ(o200k().count(one.text), one.counts[0]) << one.text;
    EXPECT_EQ(cl100k().count(one.text), one.counts[1]) << one.text;
  }
}

TEST(Counter, CountsLongerTextsExactlyToo) {
  const auto all = read_recorded_texts(recorded("estimates.tsv"));
  ASSERT_GT(all.texts.size(), 200U);
  for (const auto& one : all.texts) {
    EXPECT_EQ(o200k().count(one.text), one.counts[0]) << one.text;
    EXPECT_EQ(cl100k().count(one.text), one.counts[1]) << one.text;
  }
}

// Of one language among all others less is promised, as each has a few texts only.
bool is_promised(const std::string& category) {
  const std::vector<std::string> promised{"English", "code", "Chinese", "JSON", "tables"};
  return std::find(promised.begin(), promised.end(), category) != promised.end();
}

// S-11.6: what is promised of estimates, on the texts that the weights were not fitted to.
TEST(Counter, EstimatesAreWithinTheirPromise) {
  const auto all = read_recorded_texts(recorded("estimates.tsv"));
  ASSERT_EQ(all.tokenizers.size(), tokenizer_count);
  for (std::size_t t = 0; t < tokenizer_count; ++t) {
    const Counter counter("", static_cast<Tokenizer>(t), Method::estimated);
    std::map<std::string, std::vector<double>> errors;
    for (std::size_t i = 1; i < all.texts.size(); i += 2) {
      const auto& one = all.texts[i];
      if (!is_promised(one.category)) continue;
      const auto truth = static_cast<double>(one.counts[t]);
      errors[one.category].push_back(static_cast<double>(counter.count(one.text)) / truth - 1);
    }
    EXPECT_EQ(errors.size(), 5U);
    for (const auto& [category, list] : errors) {
      double sum = 0;
      for (const double error : list) sum += error;
      EXPECT_LT(std::abs(sum) / static_cast<double>(list.size()), 0.10)
          << all.tokenizers[t] << ", " << category;
      const auto outside =
          std::count_if(list.begin(), list.end(), [](double e) { return std::abs(e) > 0.30; });
      EXPECT_LE(outside * 20, static_cast<std::ptrdiff_t>(list.size()))
          << all.tokenizers[t] << ", " << category;
    }
  }
}

/// What estimates of a tokenizer are off.
struct Errors {
  double sum = 0;
  int outside = 0;  ///< by more than 30 %
  int number = 0;

  void add(std::int64_t guess, std::int64_t truth) {
    const double error = static_cast<double>(guess) / static_cast<double>(truth) - 1;
    sum += error;
    if (std::abs(error) > 0.30) ++outside;
    ++number;
  }
  [[nodiscard]] double mean() const { return sum / number; }
};

// S-11.6: streams end anywhere, within words and characters, and in any language.
TEST(Counter, EstimatesOfCutStreamsAreWithinTheirPromise) {
  const auto all = read_recorded_texts(recorded("estimates.tsv"));
  const auto cuts = support::read_recorded_cuts(recorded("cuts.tsv"));
  std::size_t within_character = 0;
  for (std::size_t t = 0; t < tokenizer_count; ++t) {
    const Counter counter("", static_cast<Tokenizer>(t), Method::estimated);
    Errors errors;
    std::map<std::string, Errors> errors_of;
    for (const auto& cut : cuts) {
      if (cut.text % 2 == 0) continue;  // of the texts that the weights were fitted to
      const auto& whole = all.texts[cut.text];
      const std::string_view delivered = std::string_view(whole.text).substr(0, cut.bytes);
      if (cut.bytes < whole.text.size() && (whole.text[cut.bytes] & 0xC0) == 0x80) {
        ++within_character;
      }
      StreamCounter stream(counter);
      stream.feed(delivered);
      EXPECT_GE(stream.total(), 1);
      if (cut.counts[t] == 0) continue;  // not one whole character
      errors.add(stream.total(), cut.counts[t]);
      errors_of[whole.category].add(stream.total(), cut.counts[t]);
    }
    EXPECT_GE(errors.number, 600) << all.tokenizers[t];
    EXPECT_LT(std::abs(errors.mean()), 0.05) << all.tokenizers[t];
    EXPECT_LE(errors.outside * 20, errors.number) << all.tokenizers[t];
    EXPECT_EQ(errors_of.size(), 24U);
    for (const auto& [category, of_one] : errors_of) {
      EXPECT_LT(std::abs(of_one.mean()), 0.30) << all.tokenizers[t] << ", " << category;
    }
  }
  EXPECT_GT(within_character, 1'000U);
}

// What the encodings are known for is exact at any cut, too: nothing but whole characters came.
TEST(Counter, CountsOfCutStreamsAreExact) {
  const auto all = read_recorded_texts(recorded("estimates.tsv"));
  for (const auto& cut : support::read_recorded_cuts(recorded("cuts.tsv"))) {
    const std::string& whole = all.texts[cut.text].text;
    std::size_t end = cut.bytes;
    while (end < whole.size() && (whole[end] & 0xC0) == 0x80) --end;
    const std::string_view delivered = std::string_view(whole).substr(0, end);
    EXPECT_EQ(o200k().count(delivered), cut.counts[0]) << delivered;
    EXPECT_EQ(cl100k().count(delivered), cut.counts[1]) << delivered;
  }
}

TEST(Counter, NothingIsNoTokenAndAnythingIsAtLeastOne) {
  for (const Counter* counter : {&o200k(), &counter_for("anthropic", "claude-opus-4-5")}) {
    EXPECT_EQ(counter->count(""), 0);
    for (const char* text : {" ", "\r", "a", "\xFF", "\xE4"}) EXPECT_GE(counter->count(text), 1);
  }
}

TEST(Counter, BytesThatAreNoUtf8CountAsSigns) {
  for (const char* text : {"\x80", "a\xC3", "\xED\xA0\x80x", "\xF5\x80", "\xE4\xB8 b\xFF\xFE"}) {
    EXPECT_GE(o200k().count(text), 1) << text;
    EXPECT_LE(o200k().count(text), 8) << text;
  }
}

// One word of a megabyte: with a search from the front for every pair this would take minutes.
// tiktoken, too, makes tokens of eight of it.
TEST(Counter, AWordWithoutEndTakesNoQuadraticTime) {
  const std::string word(std::size_t{1} << 20, 'a');
  EXPECT_EQ(o200k().count(word), static_cast<std::int64_t>(word.size() / 8));
  EXPECT_GT(o200k().count(std::string(std::size_t{1} << 20, ' ')), 0);
}

TEST(Counter, ThreadsMayLoadATableAtOnce) {
  std::vector<std::thread> threads;
  std::vector<std::int64_t> counts(4);
  for (auto& count : counts) {
    threads.emplace_back([&count] { count = cl100k().count("tables are loaded on first use"); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counts, std::vector<std::int64_t>(4, 6));
}

TEST(CounterFor, ModelsAreFoundWithVendorsDatesAndFineTuning) {
  EXPECT_EQ(counter_for("openai", "gpt-4o-mini-2024-07-18").name(), "o200k_base");
  EXPECT_EQ(counter_for("openrouter", "openai/gpt-5.1").name(), "o200k_base");
  EXPECT_EQ(counter_for("openai", "ft:gpt-3.5-turbo:acme::x").name(), "cl100k_base");
  EXPECT_EQ(counter_for("azure", "gpt-35-turbo").name(), "cl100k_base");
  EXPECT_EQ(counter_for("openai", "o3-mini").name(), "o200k_base");
  EXPECT_EQ(counter_for("groq", "llama-3.3-70b-versatile").name(), "llama-3");
  EXPECT_EQ(counter_for("ollama", "qwen2.5:7b").name(), "qwen-3");
  EXPECT_EQ(counter_for("together", "mistralai/Mixtral-8x7B-Instruct").name(), "mistral-v3");
}

TEST(CounterFor, WhatIsNotPublicIsMarked) {
  EXPECT_EQ(counter_for("openai", "gpt-4.1").method(), Method::exact);
  EXPECT_EQ(counter_for("anthropic", "claude-2.1").method(), Method::estimated);
  for (const char* model : {"claude-sonnet-4-5", "gemini-2.5-pro", "grok-4", "command-r", "o200"}) {
    EXPECT_EQ(counter_for("", model).method(), Method::unmeasured) << model;
  }
  EXPECT_EQ(counter_for("openai", "gpt-9").method(), Method::unmeasured);
  EXPECT_EQ(counter_for("anthropic", "later").name(), "claude");
}

// A stream is cut anywhere, also within characters.
TEST(StreamCounter, CountsAsTheWholeHoweverItIsCut) {
  const auto all = read_recorded_texts(recorded("exact.tsv"));
  for (const Counter* counter : {&o200k(), &cl100k(), &counter_for("", "llama-3")}) {
    std::string text;
    for (const auto& one : all.texts) text += one.text;
    for (const std::size_t stride : {1, 7, 300, 5000}) {
      StreamCounter stream(*counter);
      for (std::size_t at = 0; at < text.size(); at += stride) {
        stream.feed(std::string_view(text).substr(at, stride));
      }
      EXPECT_EQ(stream.total(), counter->count(text)) << counter->name() << " by " << stride;
    }
  }
}

TEST(StreamCounter, KeepsNoMoreThanItSays) {
  StreamCounter stream(o200k());
  const std::string word(StreamCounter::pending_bytes_max, 'a');
  for (int i = 0; i < 20; ++i) stream.feed(word);
  const auto whole = static_cast<std::int64_t>(20 * word.size() / 8);
  EXPECT_GE(stream.total(), whole);
  EXPECT_LE(stream.total(), whole + 40);
}

// S-11.6: an aborted stream that delivered anything must not be booked as free.
TEST(StreamCounter, DeliveredTextIsNeverFree) {
  for (const Counter* counter : {&o200k(), &counter_for("", "gemini-2.5-pro")}) {
    StreamCounter stream(*counter);
    EXPECT_EQ(stream.total(), 0);
    stream.feed("\xE4");  // the first byte of a character that never came
    EXPECT_EQ(stream.total(), 1);
  }
}

}  // namespace
}  // namespace weir::tokens
