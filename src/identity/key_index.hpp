// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "identity/credential.hpp"
#include "identity/roles.hpp"
#include "identity/scopes.hpp"
#include "pipeline/caller.hpp"

namespace weir::identity {

/// A credential in force: whose it is, what it may do, and what it is known by. Immutable; a change
/// makes another.
struct Grant {
  pipeline::Caller caller;
  CredentialKind kind = CredentialKind::client_key;
  Role role = Role::member;  ///< of the user, for a token
  /// Of the key, its user and its team; null for what has none.
  std::array<std::shared_ptr<const Scopes>, 3> scopes = {};
  std::int64_t expires_ms = 0;  ///< Unix time; 0 is never
  Digest digest = {};
  Digest old_digest = {};         ///< of the secret before the last rotation
  std::int64_t old_until_ms = 0;  ///< which is taken until then

  [[nodiscard]] bool allows(const pipeline::Route& route) const;
  [[nodiscard]] bool allows(EndpointGroup group) const;
};

/// The credentials in force, by their ids, for every request of every thread. A look-up reads one
/// line of memory and costs the same whether the id is known or not (Y-2); its lock is held for
/// some nanoseconds, and a change is seen by all threads at once.
class KeyIndex {
 public:
  KeyIndex();

  struct Candidate {
    std::shared_ptr<const Grant> grant;  ///< never null: somebody else's for an unknown id
    bool is_known = false;
  };
  [[nodiscard]] Candidate find(std::uint64_t id) const;

  /// For one thread at a time.
  void put(std::uint64_t id, std::shared_ptr<const Grant> grant);
  void remove(std::uint64_t id);
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  static constexpr std::size_t ways = 8;
  struct alignas(64) Bucket {
    std::array<std::uint64_t, ways> ids{};  ///< 0: free
  };
  struct Table {
    explicit Table(std::size_t bucket_count);
    std::vector<Bucket> buckets;
    std::vector<std::shared_ptr<const Grant>> grants;  ///< `ways` for each bucket; a free one has
                                                       ///< one that nobody holds
  };
  struct Place {
    std::size_t at = 0;
    bool is_found = false;
  };
  [[nodiscard]] static Place place_of(const Table& table, std::uint64_t id);
  [[nodiscard]] static std::size_t bucket_of(const Table& table, std::uint64_t id);
  /// False: its bucket is full.
  static bool insert(Table& table, std::uint64_t id, std::shared_ptr<const Grant>& grant);
  void grow();

  mutable std::mutex mutex_;  ///< of the table; held for a few instructions only
  Table table_;
  std::size_t size_ = 0;
};

}  // namespace weir::identity
