// SPDX-License-Identifier: Apache-2.0
//
// How long the check of a client key takes among 100,000, and whether its time tells a known id
// from an unknown one (rule Y-2: |t| <= 4.5 over 10^6 samples).
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>

#include "base/random.hpp"
#include "identity/directory.hpp"

namespace {

using namespace weir;
using namespace weir::identity;

constexpr std::size_t key_count = 100'000;
constexpr std::size_t sample_count = 1'000'000;
constexpr double t_max = 4.5;

/// Writes keys as the program would, in one transaction; answers their texts.
std::vector<std::string> fill(const std::string& folder) {
  std::vector<std::string> texts;
  const auto pepper = read_or_create_secret(folder + "/key-pepper", make_admin_token);
  const auto store = Store::open(folder + "/identity.db");
  if (!pepper || !store) return texts;
  const Pepper digests(pepper->text);
  auto transaction = (*store)->begin();
  for (std::size_t i = 0; i < key_count && transaction; ++i) {
    texts.push_back(make_client_key(key_entropy()));
    const auto parts = parse_credential(texts.back());
    KeyRecord key;
    key.id = parts->id;
    key.digest = digests.digest(parts->unchecked);
    if (!(*store)->put(key)) return {};
  }
  if (!transaction || !transaction->commit()) texts.clear();
  return texts;
}

double nanoseconds_of(const Directory& directory, const std::string& text) {
  const auto from = std::chrono::steady_clock::now();
  const auto found = directory.find(text, CredentialKind::client_key, 1);
  const auto to = std::chrono::steady_clock::now();
  return std::chrono::duration<double, std::nano>(to - from).count() + (found ? 1e9 : 0);
}

struct Samples {
  double count = 0;
  double mean = 0;
  double squares = 0;
  /// The slow ones are interrupts, not the check.
  void add(double value) {
    constexpr double slowest = 20'000;
    if (value > slowest) return;
    count += 1;
    const double delta = value - mean;
    mean += delta / count;
    squares += delta * (value - mean);
  }
  [[nodiscard]] double variance() const { return squares / (count - 1); }
};

/// Welch's t of the two kinds of wrong key, asked in a random order.
double timing_t(const Directory& directory, const std::string& known, const std::string& unknown) {
  SeededRandom random(7);
  Samples samples[2];
  for (std::size_t i = 0; i < sample_count; ++i) {
    const std::size_t which = random.next() & 1U;
    samples[which].add(nanoseconds_of(directory, which == 0 ? known : unknown));
  }
  std::printf("known id, wrong secret: %.1f ns; unknown id: %.1f ns\n", samples[0].mean,
              samples[1].mean);
  return (samples[0].mean - samples[1].mean) / std::sqrt(samples[0].variance() / samples[0].count +
                                                         samples[1].variance() / samples[1].count);
}

/// Of this thread: others on the machine don't count.
double cpu_nanoseconds() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

int run(const std::string& folder) {
  const std::vector<std::string> texts = fill(folder);
  const auto directory = Directory::open(folder);
  if (texts.empty() || !directory) return std::puts("the store can't be used"), 1;
  const double from = cpu_nanoseconds();
  std::size_t found = 0;
  for (const std::string& text : texts) {
    found += (*directory)->find(text, CredentialKind::client_key, 1).has_value() ? 1U : 0U;
  }
  const double taken = cpu_nanoseconds() - from;
  std::printf("%zu keys, %.0f ns for each check of a right one\n", found,
              taken / static_cast<double>(texts.size()));
  const std::string known = make_credential(CredentialKind::client_key,
                                            parse_credential(texts[1'000])->id, key_entropy());
  const double t = timing_t(**directory, known, make_client_key(key_entropy()));
  std::printf("t = %.2f, at most %.1f may be\n", t, t_max);
  return found == texts.size() && std::abs(t) <= t_max ? 0 : 1;
}

}  // namespace

int main() {
  std::string folder = (std::filesystem::temp_directory_path() / "weir-key-check-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) return 1;
  const int code = run(folder);
  std::filesystem::remove_all(folder);
  return code;
}
