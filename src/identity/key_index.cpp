// SPDX-License-Identifier: Apache-2.0
#include "identity/key_index.hpp"

#include <algorithm>
#include <utility>

#include "base/hash.hpp"

namespace weir::identity {
namespace {

constexpr std::size_t buckets_min = 16;

/// Stands where no credential is. Its digest is of nothing, so no credential has it.
const std::shared_ptr<const Grant>& nobody() {
  static const auto grant = std::make_shared<const Grant>();
  return grant;
}

bool all_allow(const std::array<std::shared_ptr<const Scopes>, 3>& scopes, const auto& what) {
  return std::all_of(scopes.begin(), scopes.end(),
                     [&](const auto& one) { return one == nullptr || one->allows(what); });
}

}  // namespace

bool Grant::allows(const pipeline::Route& route) const { return all_allow(scopes, route); }
bool Grant::allows(EndpointGroup group) const { return all_allow(scopes, group); }

KeyIndex::Table::Table(std::size_t bucket_count)
    : buckets(bucket_count), grants(bucket_count * ways, nobody()) {}

KeyIndex::KeyIndex() : table_(buckets_min) {}

std::size_t KeyIndex::bucket_of(const Table& table, std::uint64_t id) {
  return mixed(id) & (table.buckets.size() - 1);
}

/// Looks at every place of the bucket, whether or not it has found the id. What is not there gets
/// the place that the id's own bits choose: as near or far in memory as a known one.
KeyIndex::Place KeyIndex::place_of(const Table& table, std::uint64_t id) {
  const std::size_t bucket = bucket_of(table, id);
  std::size_t way = id % ways;
  std::size_t is_found = 0;
  for (std::size_t i = 0; i < ways; ++i) {
    const std::size_t is_here = table.buckets[bucket].ids[i] == id ? 1 : 0;
    way = (way & (is_here - 1)) | (i & (0 - is_here));
    is_found |= is_here;
  }
  return {bucket * ways + way, is_found != 0};
}

/// Among 100,000 keys each of these is far from the others in memory, so all that will be read is
/// asked for as soon as it is known where it is.
KeyIndex::Candidate KeyIndex::find(std::uint64_t id) const {
  const std::lock_guard lock(mutex_);
  const std::size_t bucket = bucket_of(table_, id);
  __builtin_prefetch(&table_.grants[bucket * ways]);
  __builtin_prefetch(&table_.grants[bucket * ways + ways / 2]);
  const Place place = place_of(table_, id);
  const std::shared_ptr<const Grant>& grant = table_.grants[place.at];
  __builtin_prefetch(&grant->digest);
  __builtin_prefetch(&grant->old_until_ms);
  __builtin_prefetch(&grant->caller);
  return {grant, place.is_found};
}

bool KeyIndex::insert(Table& table, std::uint64_t id, std::shared_ptr<const Grant>& grant) {
  const std::size_t bucket = bucket_of(table, id);
  auto& ids = table.buckets[bucket].ids;
  const auto free = std::find(ids.begin(), ids.end(), 0U);
  if (free == ids.end()) return false;
  *free = id;
  table.grants[bucket * ways + static_cast<std::size_t>(free - ids.begin())].swap(grant);
  return true;
}

void KeyIndex::put(std::uint64_t id, std::shared_ptr<const Grant> grant) {
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      const Place place = place_of(table_, id);
      if (place.is_found) {
        table_.grants[place.at].swap(grant);  // the old one goes when the lock is gone
        break;
      }
      if (insert(table_, id, grant)) {
        ++size_;
        break;
      }
    }
    grow();
  }
}

void KeyIndex::remove(std::uint64_t id) {
  std::shared_ptr<const Grant> last = nobody();
  const std::lock_guard lock(mutex_);
  const Place place = place_of(table_, id);
  if (!place.is_found) return;
  table_.buckets[place.at / ways].ids[place.at % ways] = 0;
  table_.grants[place.at].swap(last);
  --size_;
}

/// The new table is made beside the one in use: only this thread changes that one.
void KeyIndex::grow() {
  for (std::size_t count = table_.buckets.size() * 2;; count *= 2) {
    Table larger(count);
    bool is_complete = true;
    for (std::size_t at = 0; at < table_.grants.size() && is_complete; ++at) {
      const std::uint64_t id = table_.buckets[at / ways].ids[at % ways];
      std::shared_ptr<const Grant> grant = table_.grants[at];
      if (id != 0) is_complete = insert(larger, id, grant);
    }
    if (!is_complete) continue;
    const std::lock_guard lock(mutex_);
    std::swap(table_.buckets, larger.buckets);
    std::swap(table_.grants, larger.grants);
    return;
  }
}

}  // namespace weir::identity
