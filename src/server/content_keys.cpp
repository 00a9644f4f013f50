// SPDX-License-Identifier: Apache-2.0
#include "server/content_keys.hpp"

#include "store/files.hpp"

namespace weir::server {

using store::DataKey;

Result<std::shared_ptr<const DataKey>> ContentKeys::current(std::string_view tenant) {
  return directory_.content_key(std::string(tenant));
}

Result<std::shared_ptr<const DataKey>> ContentKeys::find(std::string_view tenant,
                                                         std::string_view key_id) {
  WEIR_TRY_ASSIGN(key, directory_.find_content_key(std::string(tenant)));
  if (key != nullptr && key->id() == key_id) return std::move(key);
  if (store::exists(shared_file_)) return shared_.find(tenant, key_id);
  return Error(ErrorCode::store_unavailable, "the key of this content was removed");
}

}  // namespace weir::server
