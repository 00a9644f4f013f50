// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "weir/result.hpp"

/// Content that is unreadable without a key that lies elsewhere (Y-5): XChaCha20-Poly1305 with a
/// random nonce of 24 bytes, which is long enough to need no counter.
namespace weir::store {

/// A key that content is sealed with. Wiped when it goes.
class DataKey {
 public:
  static constexpr std::size_t bytes_size = 32;
  using Bytes = std::array<unsigned char, bytes_size>;

  /// `id` is kept beside what the key seals, so that it is found again after another took its
  /// place. Precondition: `bytes` has `bytes_size` bytes.
  DataKey(std::string id, std::string_view bytes);
  ~DataKey();
  DataKey(const DataKey&) = delete;
  DataKey& operator=(const DataKey&) = delete;

  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] const Bytes& bytes() const { return bytes_; }

 private:
  std::string id_;
  Bytes bytes_;
};

/// Where data keys come from: one for all from a file, or one for each tenant, itself sealed by a
/// master key.
class DataKeys {
 public:
  virtual ~DataKeys() = default;
  /// The key for what `tenant` writes now. Errors: `store_unavailable`.
  virtual Result<std::shared_ptr<const DataKey>> current(std::string_view tenant) = 0;
  /// The key that something older was sealed with. Errors: `store_unavailable`, also when there is
  /// no such key any more.
  virtual Result<std::shared_ptr<const DataKey>> find(std::string_view tenant,
                                                      std::string_view key_id) = 0;
};

/// One key for everyone, from a file of mode 0600 that is made where it is missing.
class FileDataKeys final : public DataKeys {
 public:
  explicit FileDataKeys(std::string path) : path_(std::move(path)) {}
  Result<std::shared_ptr<const DataKey>> current(std::string_view tenant) override;
  Result<std::shared_ptr<const DataKey>> find(std::string_view tenant,
                                              std::string_view key_id) override;

 private:
  std::string path_;
  std::shared_ptr<const DataKey> key_;  ///< once it was read
};

/// `content` as nonce and ciphertext. It opens only with the same key and the same `place`, which
/// says where it belongs: moved to another row, it is unreadable.
std::string seal(const DataKey& key, std::string_view content, std::string_view place);
/// Nothing when it was sealed with another key, for another place, or was changed.
std::optional<std::string> unseal(const DataKey& key, std::string_view sealed,
                                  std::string_view place);

}  // namespace weir::store
