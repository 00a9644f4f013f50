// SPDX-License-Identifier: Apache-2.0
#include "health/sketch.hpp"

#include <algorithm>
#include <bit>
#include <memory>

#include "base/assert.hpp"

namespace weir::health {
namespace {

constexpr std::size_t bucket_count = sketch_pages * sketch_page_size;

}  // namespace

// The first 32 buckets hold one microsecond each; from there on, each octave of 16 is twice as wide
// as the one before.
std::size_t bucket_of(std::int64_t us) noexcept {
  const auto value = static_cast<std::uint64_t>(std::clamp<std::int64_t>(us, 0, sketch_us_max));
  const int octave = std::max(0, static_cast<int>(std::bit_width(value)) - 5);
  return static_cast<std::size_t>(octave) * sketch_page_size +
         static_cast<std::size_t>(value >> octave);
}

std::int64_t middle_of(std::size_t bucket) noexcept {
  WEIR_ASSERT(bucket < bucket_count);
  const std::size_t octave = bucket < 2 * sketch_page_size ? 0 : bucket / sketch_page_size - 1;
  const auto lower = static_cast<std::int64_t>(bucket - octave * sketch_page_size) << octave;
  return lower + ((std::int64_t{1} << octave) - 1) / 2;
}

// ---- Sketch ---------------------------------------------------------------------------------

void Sketch::add(std::size_t bucket, std::uint64_t count) {
  WEIR_ASSERT(bucket < bucket_count);
  if (count == 0) return;
  count_ += count;
  const auto index = static_cast<std::uint16_t>(bucket);
  const auto place =
      std::lower_bound(buckets_.begin(), buckets_.end(), index,
                       [](const Bucket& one, std::uint16_t wanted) { return one.index < wanted; });
  if (place != buckets_.end() && place->index == index) {
    place->count += count;
  } else {
    buckets_.insert(place, {index, count});
  }
}

Sketch& Sketch::operator+=(const Sketch& other) {
  for (const Bucket& bucket : other.buckets_) add(bucket.index, bucket.count);
  return *this;
}

Sketch Sketch::since(const Sketch& before) const {
  Sketch gained;
  auto old = before.buckets_.begin();
  for (const Bucket& bucket : buckets_) {
    while (old != before.buckets_.end() && old->index < bucket.index) ++old;
    const bool is_old = old != before.buckets_.end() && old->index == bucket.index;
    gained.add(bucket.index, bucket.count - (is_old ? std::min(old->count, bucket.count) : 0));
  }
  return gained;
}

std::optional<std::int64_t> Sketch::quantile(int permille) const {
  WEIR_ASSERT(permille > 0);
  WEIR_ASSERT(permille <= 1'000);
  if (count_ == 0) return std::nullopt;
  // The nearest rank: of 10 values the 950th permille is the tenth.
  const std::uint64_t rank = (count_ * static_cast<std::uint64_t>(permille) + 999) / 1'000;
  std::uint64_t seen = 0;
  for (const Bucket& bucket : buckets_) {
    seen += bucket.count;
    if (seen >= rank) return middle_of(bucket.index);
  }
  return middle_of(buckets_.back().index);
}

std::uint64_t Sketch::count_up_to(std::int64_t us) const {
  std::uint64_t sum = 0;
  for (const Bucket& bucket : buckets_) {
    if (middle_of(bucket.index) > us) break;
    sum += bucket.count;
  }
  return sum;
}

void Sketch::encode(std::string& out) const {
  append_varint(out, buckets_.size());
  std::uint64_t previous = 0;
  for (const Bucket& bucket : buckets_) {
    append_varint(out, bucket.index - previous);
    append_varint(out, bucket.count);
    previous = bucket.index;
  }
}

bool Sketch::decode(std::string_view& bytes) {
  *this = Sketch();
  std::uint64_t size = 0;
  if (!take_varint(bytes, size) || size > bucket_count) return false;
  std::uint64_t index = 0;
  for (std::uint64_t i = 0; i < size; ++i) {
    std::uint64_t step = 0;
    std::uint64_t count = 0;
    if (!take_varint(bytes, step) || !take_varint(bytes, count)) return false;
    if (step >= bucket_count) return false;
    index += step;
    if (index >= bucket_count) return false;
    add(index, count);
  }
  return true;
}

// ---- AtomicSketch ---------------------------------------------------------------------------

AtomicSketch::~AtomicSketch() {
  for (auto& page : pages_) {
    const std::unique_ptr<Page> owner(page.load(std::memory_order_acquire));
  }
}

AtomicSketch::Page& AtomicSketch::page(std::size_t number) {
  Page* found = pages_[number].load(std::memory_order_acquire);
  if (found != nullptr) return *found;
  auto made = std::make_unique<Page>();
  const bool is_first =
      pages_[number].compare_exchange_strong(found, made.get(), std::memory_order_acq_rel);
  return is_first ? *made.release() : *found;
}

void AtomicSketch::add(std::int64_t us) {
  const std::size_t bucket = bucket_of(us);
  page(bucket / sketch_page_size)
      .counts[bucket % sketch_page_size]
      .fetch_add(1, std::memory_order_relaxed);
}

Sketch AtomicSketch::read() const {
  Sketch sketch;
  for (std::size_t number = 0; number < sketch_pages; ++number) {
    const Page* page = pages_[number].load(std::memory_order_acquire);
    if (page == nullptr) continue;
    for (std::size_t i = 0; i < sketch_page_size; ++i) {
      sketch.add(number * sketch_page_size + i, page->counts[i].load(std::memory_order_relaxed));
    }
  }
  return sketch;
}

// ---- integers -------------------------------------------------------------------------------

void append_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>((value & 0x7f) | 0x80));
  out.push_back(static_cast<char>(value));
}

bool take_varint(std::string_view& bytes, std::uint64_t& value) {
  value = 0;
  for (int shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    value |= std::uint64_t{byte & 0x7fU} << shift;
    if ((byte & 0x80U) == 0) return true;
  }
  return false;
}

}  // namespace weir::health
