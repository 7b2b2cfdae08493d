#pragma once

#include "updater/release_manifest.h"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace converge::updater {

/// A key of minisign(1), by which releases are trusted.
class PublicKey {
 public:
  /// The base64 of 42 bytes (`Ed`, 8 of the key's id, 32 of the Ed25519 key), as `minisign -G`
  /// prints it; or the file that it writes, with its comment or without. Throws `Error{usage}`.
  static PublicKey parse(std::string_view text);

  /// The id as minisign prints it, 16 upper-case hexadecimal digits.
  std::string id() const;
  /// What `parse` takes.
  std::string text() const;

  /// Whether `signature`, 64 bytes, is this key's of `message` (RFC 8032, plain Ed25519).
  bool has_signed(std::string_view message, std::string_view signature) const;

  friend bool operator==(const PublicKey&, const PublicKey&) = default;

 private:
  std::array<std::uint8_t, 8> id_{};
  std::array<std::uint8_t, 32> key_{};
};

/// A release whose signature was found good.
struct SignedRelease {
  ReleaseManifest manifest;
  std::string text;             ///< The whole object, manifest and signature.
  std::string key_id;           ///< Of the key that signed it, as `PublicKey::id`.
  std::string trusted_comment;  ///< What the signer wrote beside it; signed too.
};

/// Reads what a channel serves: a manifest directly followed by the four lines of the signature
/// file that minisign(1) makes of it,
///
///     untrusted comment: TEXT
///     base64 of "ED", 8 bytes of the key's id, 64 of the signature of the manifest's BLAKE2b-512
///     trusted comment: TEXT
///     base64 of 64 bytes, the signature of the 64 above and the trusted comment
///
/// and nothing else. Nothing of the manifest is read before both signatures are found good, by one
/// of `keys`, and nothing is accepted in more than one form: base64 is canonical, lines end with
/// LF.
///
/// Throws `Error{usage}` without a key, `Error{failure}` for what is not such an object, is signed
/// by another key or not by it, is a manifest that `parse_release_manifest` refuses, or one of
/// another channel. It does not look at `seq`, builds and times.
SignedRelease verify_release(std::string_view object, std::span<const PublicKey> keys,
                             std::string_view channel);

}  // namespace converge::updater
