// SPDX-License-Identifier: Apache-2.0
#include "store/database/memory_response_store.hpp"

#include <algorithm>

namespace weir::store {

MemoryResponseStore::Rows::iterator MemoryResponseStore::find(std::string_view tenant,
                                                              std::string_view id,
                                                              std::int64_t now_ms) {
  const auto row = rows_.find(Key(tenant, id));
  if (row == rows_.end()) return row;
  return conversations_.at(row->second.conversation).expires_ms > now_ms ? row : rows_.end();
}

Result<> MemoryResponseStore::put(const StoredResponse& response, std::int64_t expires_ms) {
  const std::size_t bytes = stored_bytes(response);
  if (const auto old = rows_.find(Key(response.tenant, response.id)); old != rows_.end()) {
    take_out(old);
  }
  const auto previous = rows_.find(Key(response.tenant, response.previous_id));
  const bool continues = previous != rows_.end();
  const std::uint64_t number = continues ? previous->second.conversation : ++last_conversation_;
  Conversation& conversation = conversations_[number];
  if (conversation.bytes + bytes > bytes_max_) {
    if (!continues) conversations_.erase(number);
    return Error(ErrorCode::too_large, "the conversation is too large to be stored");
  }
  conversation.expires_ms = std::max(conversation.expires_ms, expires_ms);
  conversation.bytes += bytes;
  bytes_ += bytes;
  rows_[Key(response.tenant, response.id)] = {response, number};
  while (bytes_ > bytes_max_) drop(next_to_go(number));
  return {};
}

Result<StoredResponse> MemoryResponseStore::get(std::string_view tenant, std::string_view id,
                                                std::int64_t now_ms) {
  const auto row = find(tenant, id, now_ms);
  if (row == rows_.end()) return no_such_response(id);
  return row->second.response;
}

Result<std::string> MemoryResponseStore::tenant_of(std::string_view id) {
  for (const auto& [key, row] : rows_) {
    if (key.second == id) return key.first;
  }
  return no_such_response(id);
}

Result<> MemoryResponseStore::remove(std::string_view tenant, std::string_view id,
                                     std::int64_t now_ms) {
  const auto row = find(tenant, id, now_ms);
  if (row == rows_.end()) return no_such_response(id);
  take_out(row);
  return {};
}

void MemoryResponseStore::take_out(Rows::iterator row) {
  const auto conversation = conversations_.find(row->second.conversation);
  const std::size_t bytes = stored_bytes(row->second.response);
  bytes_ -= bytes;
  conversation->second.bytes -= bytes;
  if (conversation->second.bytes == 0) conversations_.erase(conversation);
  rows_.erase(row);
}

void MemoryResponseStore::drop(std::uint64_t conversation) {
  bytes_ -= conversations_.at(conversation).bytes;
  conversations_.erase(conversation);
  std::erase_if(rows_, [&](const auto& row) { return row.second.conversation == conversation; });
}

std::uint64_t MemoryResponseStore::next_to_go(std::uint64_t spared) const {
  const auto sooner = [&](const auto& a, const auto& b) {
    if ((a.first == spared) != (b.first == spared)) return b.first == spared;
    return a.second.expires_ms < b.second.expires_ms;
  };
  return std::min_element(conversations_.begin(), conversations_.end(), sooner)->first;
}

Result<std::vector<std::string>> MemoryResponseStore::ids_of(std::string_view tenant) {
  std::vector<std::string> ids;
  for (auto row = rows_.lower_bound(Key(tenant, "")); row != rows_.end(); ++row) {
    if (row->first.first != tenant) break;
    ids.push_back(row->first.second);
  }
  return ids;
}

Result<std::size_t> MemoryResponseStore::remove_expired(std::int64_t now_ms,
                                                        std::size_t count_max) {
  std::size_t count = 0;
  for (auto each = conversations_.begin(); each != conversations_.end() && count < count_max;) {
    const auto number = each->first;
    const bool is_over = each->second.expires_ms <= now_ms;
    ++each;
    if (!is_over) continue;
    drop(number);
    ++count;
  }
  return count;
}

}  // namespace weir::store
