#pragma once

#include "src/base/digest.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace converge::journal {

/// What the hash of one entry covers. Dictionaries enter by their names and never by their numbers,
/// so that a dictionary cannot be edited under the chain either.
struct ChainFields {
  std::int64_t seq = 0;
  std::int64_t time_us = 0;
  std::string_view kind;
  std::optional<std::int64_t> pass = {};
  std::optional<std::string_view> definition = {};          ///< The converger's name.
  std::optional<std::string_view> definition_version = {};  ///< Null exactly when the name is.
  std::string_view actor;
  std::int64_t build = 0;
  std::optional<std::int64_t> txn = {};
  std::optional<std::string_view> subject = {};
  std::optional<std::string_view> label = {};
  std::optional<std::int64_t> count = {};
  std::optional<std::string_view> outcome = {};
  std::optional<std::string_view> detail_sha = {};  ///< The 32 bytes of SHA-256(detail).
};

/// The hash chain of the journal.
///
///     hash(0) = SHA-256("converge-journal-1\n" || journal_id)
///     hash(n) = SHA-256(hash(n - 1) || encoding(entry n))
///
/// The encoding is the fields of `ChainFields`, in that order, one after the other:
///
///     null      one byte 0
///     integer   one byte 1, then 8 bytes, two's complement, big-endian
///     text      one byte 2, then its length in bytes as 8 bytes big-endian, then its bytes (UTF-8)
///     blob      one byte 3, then the same as text
///
/// (`detail_sha` is the one blob.) It is injective: two different entries never have the same
/// encoding, because every field says its type and its length. The detail enters as its own digest,
/// so that it can be redacted later and the chain still verifies.
class Chain {
 public:
  /// Goes on after the entry whose hash is `previous`.
  explicit Chain(const Digest& previous) : hash_(previous) {}

  /// The hash of the next entry.
  const Digest& extend(const ChainFields& fields);
  const Digest& hash() const { return hash_; }
  void go_on_after(const Digest& previous) { hash_ = previous; }

 private:
  Digest hash_;
  Sha256 sha_;
  std::string buffer_;  // Kept, so that an entry costs no allocation.
};

/// The hash before the first entry.
Digest first_hash(std::string_view journal_id);

/// The bytes of a digest, as they are stored.
inline std::string_view bytes_of(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

/// The reverse; nullopt unless there are 32 bytes.
std::optional<Digest> digest_of(std::string_view bytes);

}  // namespace converge::journal
