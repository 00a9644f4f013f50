// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weir/result.hpp"

/// The files of a spool, as a port: so that tests can cut the power, fill the disk and let each
/// operation fail.
///
/// Errors of all functions: `store_unavailable` with the path and the system's reason; what else is
/// said beside each.
namespace weir::store {

/// A file that is written by writing to memory: what stands there survives the end of the process,
/// and once it was synced, a loss of power. Its blocks are allocated, so that writing can't fail.
/// Locked for as long as the object lives. `bytes` may be written while another thread syncs.
class MappedFile {
 public:
  virtual ~MappedFile() = default;
  [[nodiscard]] virtual std::span<char> bytes() = 0;
  /// After an error nothing is known of what was written since the last good one: the file is
  /// not to be synced again.
  virtual Result<> sync() = 0;
  // What a file is told of its use only saves the system work; it may pass over it.
  /// All `size` bytes at `offset` are written soon.
  virtual void prepare(std::size_t /*offset*/, std::size_t /*size*/) {}
  /// Those at `offset` stay as they are, and are hardly looked at again.
  virtual void let_go(std::size_t /*offset*/, std::size_t /*size*/) {}
  /// Makes it larger; `bytes` moves.
  virtual Result<> grow(std::size_t size) = 0;
  /// Cuts it to its first `size` bytes and syncs it. Nothing may be written any more.
  virtual Result<> finish(std::size_t size) = 0;
};

/// A file that is read in pieces, also while another process writes it.
class ReadableFile {
 public:
  virtual ~ReadableFile() = default;
  /// As many bytes as there are from `offset` on, at most the room there is; 0 at the end.
  virtual Result<std::size_t> read(std::uint64_t offset, std::span<char> room) = 0;
};

class SpoolFiles {
 public:
  /// Holds a lock until it goes.
  class Lock {
   public:
    virtual ~Lock() = default;
  };

  virtual ~SpoolFiles() = default;
  /// Names without their folder, in no order. A folder that is not there is empty.
  virtual Result<std::vector<std::string>> list(const std::string& directory) = 0;
  virtual Result<> make_directory(const std::string& directory) = 0;
  /// A new file full of zeros. Errors: `idempotency_mismatch` when there is one.
  virtual Result<std::unique_ptr<MappedFile>> create(const std::string& path, std::size_t size) = 0;
  /// The file of somebody who is gone. Errors: `idempotency_in_progress` when he is not.
  virtual Result<std::unique_ptr<MappedFile>> adopt(const std::string& path) = 0;
  /// Errors: `route_unknown` when there is no such file.
  virtual Result<std::unique_ptr<ReadableFile>> open(const std::string& path) = 0;
  /// How long it is. Errors: `route_unknown` when there is no such file.
  virtual Result<std::uint64_t> size(const std::string& path) = 0;
  /// The whole file is there afterwards, also after a crash, or nothing of it.
  virtual Result<> write(const std::string& path, std::string_view content) = 0;
  virtual Result<> rename(const std::string& from, const std::string& to) = 0;
  virtual Result<> remove(const std::string& path) = 0;
  /// Waits for whoever has it.
  virtual Result<std::unique_ptr<Lock>> lock(const std::string& path) = 0;
};

/// Of the whole disk that the directory is on. Errors: `store_unavailable`.
Result<std::uint64_t> disk_bytes(const std::string& directory);

/// Those of the system.
SpoolFiles& system_spool_files();

}  // namespace weir::store
