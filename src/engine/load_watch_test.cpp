// SPDX-License-Identifier: Apache-2.0
#include "engine/load_watch.hpp"

#include <gtest/gtest.h>

namespace weir::engine {
namespace {

TEST(LoadWatch, AddsUpWhatWaitsAtAllEnginesAndTakesTheFullestCache) {
  constexpr std::string_view metrics =
      "# HELP vllm:num_requests_waiting Number of requests waiting\n"
      "# TYPE vllm:num_requests_waiting gauge\n"
      "vllm:num_requests_waiting{engine=\"0\",model_name=\"a} 9\"} 3.0\n"
      "vllm:num_requests_waiting{engine=\"1\",model_name=\"a\"} 4.0\n"
      "vllm:num_requests_waiting_by_reason{reason=\"capacity\"} 70.0\n"
      "vllm:kv_cache_usage_perc{engine=\"0\"} 0.25\n"
      "vllm:kv_cache_usage_perc{engine=\"1\"} 0.75\n";
  EXPECT_EQ(read_vllm_load(metrics), (LoadReport{.queued = 7, .cache_permille = 750}));
}

TEST(LoadWatch, KnowsTheOlderNameAndNeedsNoLabels) {
  EXPECT_EQ(read_vllm_load("vllm:gpu_cache_usage_perc 0.5\nvllm:num_requests_waiting 2"),
            (LoadReport{.queued = 2, .cache_permille = 500}));
}

TEST(LoadWatch, TakesNothingFromWhatIsNoMetrics) {
  for (const char* text : {"", "<html>", "vllm:num_requests_waiting", "vllm:num_requests_waiting{",
                           "vllm:num_requests_waiting NaN", "vllm:num_requests_waiting -3",
                           "vllm:num_requests_waiting{a=\"b\"}"}) {
    EXPECT_EQ(read_vllm_load(text), LoadReport{}) << text;
  }
  EXPECT_EQ(read_vllm_load("vllm:num_requests_waiting 1e300").queued, 1'000'000'000);
}

TEST(LoadWatch, AddsUpTheMemoryOfAllModelsThatAnOllamaHolds) {
  EXPECT_EQ(read_ollama_memory(R"({"models":[{"name":"a","size":900,"size_vram":700},)"
                               R"({"name":"b","size_vram":50},{"name":"c","size":1}]})"),
            (LoadReport{.models_loaded = 3, .memory_bytes = 951, .memory_vram_bytes = 750}));
  EXPECT_EQ(read_ollama_memory(R"({"models":[]})"), LoadReport{.models_loaded = 0});
}

TEST(LoadWatch, TakesNoMemoryFromWhatTellsOfNone) {
  for (const char* text : {"", "{}", "[]", R"({"models":5})", R"({"models":null})"}) {
    EXPECT_EQ(read_ollama_memory(text), LoadReport{}) << text;
  }
  const LoadReport odd = read_ollama_memory(R"({"models":[7,{"size":-5,"size_vram":1e300}]})");
  EXPECT_EQ(odd.models_loaded, 1);
  EXPECT_GE(odd.memory_bytes, odd.memory_vram_bytes);
}

}  // namespace
}  // namespace weir::engine
