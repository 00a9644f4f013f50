// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "weir/result.hpp"

namespace weir::identity {

/// Signed words, kept beside the audit log, that it had a certain record at a certain time: whoever
/// writes the log anew, or cuts its end off, would have to forge them too (rule J-1).
struct AuditCheckpoint {
  std::int64_t seq = 0;
  std::int64_t time_ms = 0;
  std::string hash;           ///< of the record, raw
  bool is_beginning = false;  ///< what was before that record may be gone
};

/// Signs with an Ed25519 key from the file `audit-key` in `folder`, which is made where it is
/// missing, and appends to the file `audit-checkpoints`.
class AuditSigner {
 public:
  static Result<AuditSigner> open(const std::string& folder);
  Result<> sign(const AuditCheckpoint& checkpoint);
  [[nodiscard]] const std::string& folder() const { return folder_; }

 private:
  AuditSigner(std::string folder, std::string secret)
      : folder_(std::move(folder)), secret_(std::move(secret)) {}
  std::string folder_;
  std::string secret_;
};

/// The checkpoints in `folder`, each with a right signature by the public key in the file
/// `audit-key.pub`. Errors: `store_unavailable`; `invalid_request` for a line that was changed.
Result<std::vector<AuditCheckpoint>> read_audit_checkpoints(const std::string& folder);

/// What became of a look at a whole log.
struct AuditVerdict {
  std::int64_t records = 0;
  std::int64_t checkpoints = 0;
  std::int64_t first_bad = 0;  ///< the first record that is not as it was written; 0: all are
  std::string problem;         ///< with it
};
/// Looks at every record and checkpoint in `folder`, also while a gateway writes there (rule J-2).
/// Errors: `store_unavailable` when there is nothing to look at.
Result<AuditVerdict> verify_audit_log(const std::string& folder);

}  // namespace weir::identity
