// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "identity/directory.hpp"
#include "store/database/sealing.hpp"

namespace weir::server {

/// Each tenant's own key, from the directory. What was sealed before there were such keys opens
/// with the one that all had, from the file `data-key`. For one thread at a time; may wait for a
/// disk.
class ContentKeys final : public store::DataKeys {
 public:
  /// `directory` outlives this.
  ContentKeys(identity::Directory& directory, std::string data_directory)
      : directory_(directory),
        shared_file_(std::move(data_directory) + "/data-key"),
        shared_(shared_file_) {}

  Result<std::shared_ptr<const store::DataKey>> current(std::string_view tenant) override;
  Result<std::shared_ptr<const store::DataKey>> find(std::string_view tenant,
                                                     std::string_view key_id) override;

 private:
  identity::Directory& directory_;
  const std::string shared_file_;
  store::FileDataKeys shared_;
};

}  // namespace weir::server
