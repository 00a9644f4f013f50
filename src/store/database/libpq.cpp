// SPDX-License-Identifier: Apache-2.0
#include "store/database/libpq.hpp"

#include <dlfcn.h>

#include <optional>

#include "base/assert.hpp"

namespace weir::store {
namespace {

constexpr const char* library_name = "libpq.so.5";

template <class Function>
bool find(void* library, const char* name, Function*& function) {
  function = reinterpret_cast<Function*>(::dlsym(library, name));
  return function != nullptr;
}

std::optional<Libpq> load() {
  void* const library = ::dlopen(library_name, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return std::nullopt;
  Libpq pq{};
  const bool has_all =
      find(library, "PQclear", pq.clear) && find(library, "PQcmdTuples", pq.cmdTuples) &&
      find(library, "PQconnectPoll", pq.connectPoll) &&
      find(library, "PQconnectStartParams", pq.connectStartParams) &&
      find(library, "PQconninfoFree", pq.conninfoFree) &&
      find(library, "PQconninfoParse", pq.conninfoParse) &&
      find(library, "PQconsumeInput", pq.consumeInput) &&
      find(library, "PQerrorMessage", pq.errorMessage) && find(library, "PQfinish", pq.finish) &&
      find(library, "PQflush", pq.flush) && find(library, "PQgetResult", pq.getResult) &&
      find(library, "PQgetlength", pq.getlength) && find(library, "PQgetvalue", pq.getvalue) &&
      find(library, "PQisBusy", pq.isBusy) && find(library, "PQntuples", pq.ntuples) &&
      find(library, "PQresultErrorMessage", pq.resultErrorMessage) &&
      find(library, "PQresultStatus", pq.resultStatus) &&
      find(library, "PQsendQuery", pq.sendQuery) &&
      find(library, "PQsendQueryParams", pq.sendQueryParams) &&
      find(library, "PQsetErrorVerbosity", pq.setErrorVerbosity) &&
      find(library, "PQsetNoticeProcessor", pq.setNoticeProcessor) &&
      find(library, "PQsetnonblocking", pq.setnonblocking) &&
      find(library, "PQsocket", pq.socket) && find(library, "PQstatus", pq.status);
  if (!has_all) return std::nullopt;
  return pq;
}

const std::optional<Libpq>& loaded() {
  static const std::optional<Libpq> library = load();
  return library;
}

}  // namespace

Result<const Libpq*> load_libpq() {
  const std::optional<Libpq>& library = loaded();
  if (!library) {
    return Error(ErrorCode::store_unavailable,
                 "PostgreSQL: the system has no libpq.so.5 (Debian's package libpq5)");
  }
  return &*library;
}

const Libpq& pq() {
  WEIR_ASSERT(loaded().has_value());
  return *loaded();
}

}  // namespace weir::store
