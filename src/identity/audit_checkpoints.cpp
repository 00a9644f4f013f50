// SPDX-License-Identifier: Apache-2.0
#include "identity/audit_checkpoints.hpp"

#include <algorithm>
#include <array>

#include <sodium.h>

#include "identity/audit_log.hpp"
#include "identity/credential.hpp"
#include "json/document.hpp"
#include "json/object_reader.hpp"
#include "json/writer.hpp"
#include "store/files.hpp"
#include "store/database/sqlite.hpp"

namespace weir::identity {
namespace {

constexpr std::size_t key_bytes_max = 256;
constexpr std::size_t checkpoints_bytes_max = std::size_t{64} << 20;

std::string to_hex(std::string_view bytes) {
  std::string hex(bytes.size() * 2 + 1, '\0');
  sodium_bin2hex(hex.data(), hex.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                 bytes.size());
  hex.pop_back();
  return hex;
}

/// Empty for what is no hexadecimal number of that size.
std::string from_hex(std::string_view hex, std::size_t size) {
  std::string bytes(size, '\0');
  std::size_t written = 0;
  const int code = sodium_hex2bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(),
                                  hex.data(), hex.size(), nullptr, &written, nullptr);
  return code == 0 && written == size && hex.size() == 2 * size ? bytes : std::string();
}

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string make_seed(const KeyEntropy& entropy) {
  return to_hex({reinterpret_cast<const char*>(entropy.data()), entropy.size()});
}

std::string signed_text(const AuditCheckpoint& checkpoint) {
  const std::string_view what =
      checkpoint.is_beginning ? "weir audit beginning\n" : "weir audit checkpoint\n";
  return std::string(what) + std::to_string(checkpoint.seq) + "\n" +
         std::to_string(checkpoint.time_ms) + "\n" + checkpoint.hash;
}

Result<AuditCheckpoint> read_checkpoint(std::string_view line, const std::string& public_key) {
  json::Document document;
  WEIR_TRY(document.parse(line));
  json::Problem problem;
  const json::Path root;
  json::ObjectReader reader(document.root(), root, problem);
  AuditCheckpoint checkpoint;
  checkpoint.seq = reader.integer("seq").value_or(-1);
  checkpoint.time_ms = reader.integer("time_ms").value_or(0);
  checkpoint.hash = from_hex(reader.required_string("hash"), SHA256_DIGEST_LENGTH);
  checkpoint.is_beginning = reader.boolean("beginning").value_or(false);
  const std::string signature = from_hex(reader.required_string("signature"), crypto_sign_BYTES);
  WEIR_TRY(problem.result());
  const std::string text = signed_text(checkpoint);
  const bool is_right =
      !signature.empty() && crypto_sign_verify_detached(bytes_of(signature), bytes_of(text),
                                                        text.size(), bytes_of(public_key)) == 0;
  if (is_right) return checkpoint;
  return Error(ErrorCode::invalid_request, "a checkpoint has a wrong signature");
}

}  // namespace

namespace {

/// A line that power cut short says nothing; behind it the next one would be unreadable.
Result<> drop_torn_line(const std::string& file) {
  const auto text = store::read_file(file, checkpoints_bytes_max);
  if (!text) return text.error().code == ErrorCode::route_unknown ? Result<>() : text.error();
  if (text->empty() || text->back() == '\n') return {};
  return store::replace_file(file, std::string_view(*text).substr(0, text->rfind('\n') + 1));
}

}  // namespace

Result<AuditSigner> AuditSigner::open(const std::string& folder) {
  WEIR_TRY(drop_torn_line(folder + "/audit-checkpoints"));
  WEIR_TRY_ASSIGN(seed_text, read_or_create_secret(folder + "/audit-key", make_seed));
  const std::string seed = from_hex(seed_text.text, crypto_sign_SEEDBYTES);
  if (seed.empty()) {
    return Error(ErrorCode::store_unavailable, folder + "/audit-key holds no key");
  }
  std::string secret(crypto_sign_SECRETKEYBYTES, '\0');
  std::string shown(crypto_sign_PUBLICKEYBYTES, '\0');
  crypto_sign_seed_keypair(reinterpret_cast<unsigned char*>(shown.data()),
                           reinterpret_cast<unsigned char*>(secret.data()), bytes_of(seed));
  const auto written = store::create_private_file(folder + "/audit-key.pub", to_hex(shown) + "\n");
  if (!written && written.error().code != ErrorCode::idempotency_mismatch) return written.error();
  return AuditSigner(folder, std::move(secret));
}

Result<> AuditSigner::sign(const AuditCheckpoint& checkpoint) {
  const std::string text = signed_text(checkpoint);
  std::string signature(crypto_sign_BYTES, '\0');
  crypto_sign_detached(reinterpret_cast<unsigned char*>(signature.data()), nullptr, bytes_of(text),
                       text.size(), bytes_of(secret_));
  std::string line;
  json::Writer json(line);
  json.begin_object().member("seq", checkpoint.seq).member("time_ms", checkpoint.time_ms);
  if (checkpoint.is_beginning) json.member("beginning", true);
  json.member("hash", to_hex(checkpoint.hash)).member("signature", to_hex(signature));
  json.end_object();
  return store::append_private_file(folder_ + "/audit-checkpoints", line + "\n");
}

Result<std::vector<AuditCheckpoint>> read_audit_checkpoints(const std::string& folder) {
  WEIR_TRY_ASSIGN(key_text, store::read_file(folder + "/audit-key.pub", key_bytes_max));
  while (key_text.ends_with('\n')) key_text.pop_back();
  const std::string key = from_hex(key_text, crypto_sign_PUBLICKEYBYTES);
  if (key.empty()) {
    return Error(ErrorCode::store_unavailable, folder + "/audit-key.pub holds no key");
  }
  auto text = store::read_file(folder + "/audit-checkpoints", checkpoints_bytes_max);
  if (!text && text.error().code != ErrorCode::route_unknown) return text.error();
  std::vector<AuditCheckpoint> checkpoints;
  std::string_view rest = text ? std::string_view(*text) : std::string_view();
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    WEIR_TRY_ASSIGN(checkpoint, read_checkpoint(line, key));
    checkpoints.push_back(std::move(checkpoint));
  }
  return checkpoints;
}

namespace {

/// One look at a log, record by record.
class Verifier {
 public:
  Verifier(std::vector<AuditCheckpoint> checkpoints, AuditVerdict& verdict)
      : checkpoints_(std::move(checkpoints)), verdict_(verdict) {
    std::stable_sort(checkpoints_.begin(), checkpoints_.end(),
                     [](const auto& a, const auto& b) { return a.seq < b.seq; });
  }

  void look_at(std::int64_t seq, std::string_view record, std::string_view hash) {
    if (verdict_.first_bad != 0) return;
    const bool is_beginning = !has_begun_ && (seq == 0 || is_signed_beginning(seq));
    if (is_beginning) next_ = seq;
    if (seq != next_) return fail(next_, "is missing");
    if (!is_beginning) {
      if (seq_in(record) != seq) return fail(seq, "is not where it was written");
      if (hash != audit_hash(previous_, record)) return fail(seq, "was changed");
      ++verdict_.records;
    }
    check_checkpoints(seq, hash);
    has_begun_ = true;
    previous_ = hash;
    ++next_;
  }

  void end() {
    if (verdict_.first_bad != 0) return;
    for (const AuditCheckpoint& checkpoint : checkpoints_) {
      if (checkpoint.seq >= next_) return fail(next_, "was cut off, with all behind it");
    }
    verdict_.checkpoints = static_cast<std::int64_t>(checkpoints_.size());
  }

 private:
  void fail(std::int64_t seq, std::string_view what) {
    verdict_.first_bad = std::max<std::int64_t>(seq, 1);
    verdict_.problem = "record " + std::to_string(verdict_.first_bad) + " " + std::string(what);
  }

  /// -1 for what is no record.
  static std::int64_t seq_in(std::string_view record) {
    json::Document document;
    if (!document.parse(record)) return -1;
    const auto seq = document.root().find("seq");
    return seq ? seq->as_int().value_or(-1) : -1;
  }

  [[nodiscard]] bool is_signed_beginning(std::int64_t seq) const {
    return std::any_of(checkpoints_.begin(), checkpoints_.end(), [&](const auto& checkpoint) {
      return checkpoint.is_beginning && checkpoint.seq == seq;
    });
  }

  /// Those of records that were removed are passed over.
  void check_checkpoints(std::int64_t seq, std::string_view hash) {
    for (; checked_ < checkpoints_.size() && checkpoints_[checked_].seq <= seq; ++checked_) {
      if (checkpoints_[checked_].seq < seq || checkpoints_[checked_].hash == hash) continue;
      return fail(seq, "or one before it was written anew since its checkpoint");
    }
  }

  std::vector<AuditCheckpoint> checkpoints_;  ///< by record
  std::size_t checked_ = 0;                   ///< of them
  AuditVerdict& verdict_;
  bool has_begun_ = false;
  std::int64_t next_ = 0;
  std::string previous_;
};

}  // namespace

Result<AuditVerdict> verify_audit_log(const std::string& folder) {
  const std::string path = folder + "/identity.db";
  // Opening would make what is not there.
  if (auto found = store::read_file(path, 0);
      !found && found.error().code != ErrorCode::too_large) {
    return Error(ErrorCode::store_unavailable, "there is no audit log in " + folder);
  }
  AuditVerdict verdict;
  auto checkpoints = read_audit_checkpoints(folder);
  if (!checkpoints) {
    if (checkpoints.error().code != ErrorCode::invalid_request) return checkpoints.error();
    verdict.first_bad = 1;
    verdict.problem = checkpoints.error().message;
    return verdict;
  }
  WEIR_TRY_ASSIGN(database, store::SqliteDatabase::open(path));
  WEIR_TRY_ASSIGN(rows, database.prepare("SELECT seq, record, hash FROM audit ORDER BY seq"));
  Verifier verifier(*std::move(checkpoints), verdict);
  for (;;) {
    WEIR_TRY_ASSIGN(has_row, rows.step());
    if (!has_row) break;
    verifier.look_at(rows.integer(0), rows.text(1), rows.text(2));
  }
  verifier.end();
  return verdict;
}

}  // namespace weir::identity
