// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Quantiles of waiting times from counts in log-linear buckets: sixteen to each power of two, so
/// that whatever a bucket's middle stands for is at most 1/32 (3.2 %) away from it. Sketches of
/// different times and targets add up to the sketch of all of them, without further error.
namespace weir::health {

/// Longer times count as this: 19 hours.
inline constexpr std::int64_t sketch_us_max = (std::int64_t{1} << 36) - 1;
inline constexpr std::size_t sketch_page_size = 16;
inline constexpr std::size_t sketch_pages = 33;

/// The bucket of a time in microseconds; negative ones count as 0.
std::size_t bucket_of(std::int64_t us) noexcept;
/// What the times of a bucket are taken for. Precondition: it is one.
std::int64_t middle_of(std::size_t bucket) noexcept;

/// Counts by bucket, of which only those are kept that have any.
class Sketch {
 public:
  void add(std::size_t bucket, std::uint64_t count);
  Sketch& operator+=(const Sketch& other);
  /// What came since `before`, an earlier reading of the same counts.
  [[nodiscard]] Sketch since(const Sketch& before) const;

  [[nodiscard]] std::uint64_t count() const { return count_; }
  /// The time that `permille` of all are not longer than, in microseconds; nothing without any.
  [[nodiscard]] std::optional<std::int64_t> quantile(int permille) const;
  /// How many are at most `us` long, to a bucket.
  [[nodiscard]] std::uint64_t count_up_to(std::int64_t us) const;

  /// Appends it in a few bytes per bucket.
  void encode(std::string& out) const;
  /// Takes one off the front of `bytes`. False: there is none.
  bool decode(std::string_view& bytes);

 private:
  struct Bucket {
    std::uint16_t index;
    std::uint64_t count;
  };
  std::vector<Bucket> buckets_;  // by index
  std::uint64_t count_ = 0;
};

/// The same, counted by all threads at once without a lock. Memory comes as it is needed, a page of
/// 16 buckets at a time: 4 KiB at most.
class AtomicSketch {
 public:
  AtomicSketch() = default;
  ~AtomicSketch();
  AtomicSketch(const AtomicSketch&) = delete;
  AtomicSketch& operator=(const AtomicSketch&) = delete;

  void add(std::int64_t us);
  /// Each bucket is read at a moment of its own.
  [[nodiscard]] Sketch read() const;

 private:
  struct Page {
    std::array<std::atomic<std::uint64_t>, sketch_page_size> counts{};
  };
  Page& page(std::size_t number);

  std::array<std::atomic<Page*>, sketch_pages> pages_{};
};

/// An integer in as many bytes as it needs, seven bits in each.
void append_varint(std::string& out, std::uint64_t value);
/// Takes one off the front of `bytes`. False: there is none.
bool take_varint(std::string_view& bytes, std::uint64_t& value);

}  // namespace weir::health
