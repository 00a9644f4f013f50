// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <libpq-fe.h>

#include "weir/result.hpp"

namespace weir::store {

/// libpq's functions under their names without `PQ`.
///
/// The library is loaded when a PostgreSQL store is first opened: it brings OpenLDAP, Kerberos and
/// GnuTLS along, 3 MiB of memory that the others need not spend.
struct Libpq {
  decltype(&PQclear) clear;
  decltype(&PQcmdTuples) cmdTuples;
  decltype(&PQconnectPoll) connectPoll;
  decltype(&PQconnectStartParams) connectStartParams;
  decltype(&PQconninfoFree) conninfoFree;
  decltype(&PQconninfoParse) conninfoParse;
  decltype(&PQconsumeInput) consumeInput;
  decltype(&PQerrorMessage) errorMessage;
  decltype(&PQfinish) finish;
  decltype(&PQflush) flush;
  decltype(&PQgetResult) getResult;
  decltype(&PQgetlength) getlength;
  decltype(&PQgetvalue) getvalue;
  decltype(&PQisBusy) isBusy;
  decltype(&PQntuples) ntuples;
  decltype(&PQresultErrorMessage) resultErrorMessage;
  decltype(&PQresultStatus) resultStatus;
  decltype(&PQsendQuery) sendQuery;
  decltype(&PQsendQueryParams) sendQueryParams;
  decltype(&PQsetErrorVerbosity) setErrorVerbosity;
  decltype(&PQsetNoticeProcessor) setNoticeProcessor;
  decltype(&PQsetnonblocking) setnonblocking;
  decltype(&PQsocket) socket;
  decltype(&PQstatus) status;
};

/// Loads it once; any thread. Errors: `store_unavailable` when the system has no libpq.
Result<const Libpq*> load_libpq();
/// Precondition: `load_libpq` succeeded.
const Libpq& pq();

}  // namespace weir::store
