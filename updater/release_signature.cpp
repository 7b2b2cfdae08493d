#include "updater/release_signature.h"

#include "src/base/error.h"
#include "src/base/text.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

namespace converge::updater {
namespace {

constexpr std::string_view kUntrusted = "untrusted comment: ";
constexpr std::string_view kTrusted = "trusted comment: ";
constexpr std::size_t kIdBytes = 8;
constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kSignatureBytes = 64;
// Those of minisign's own source.
constexpr std::size_t kLongestUntrusted = 1024;
constexpr std::size_t kLongestTrusted = 8192;

struct KeyEnd {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct DigestEnd {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

const std::uint8_t* bytes_of(std::string_view text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

template <std::size_t Size>
std::string_view view_of(const std::array<std::uint8_t, Size>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

[[noreturn]] void refuse(const std::string& message, const std::string& hint = {}) {
  throw Error(ErrorKind::failure, "signature: " + message, hint);
}

std::string base64(std::string_view bytes) {
  std::vector<std::uint8_t> out(4 * ((bytes.size() + 2) / 3) + 1);
  const int size = EVP_EncodeBlock(out.data(), bytes_of(bytes), static_cast<int>(bytes.size()));
  return {out.begin(), out.begin() + size};
}

/// The bytes of base64 of exactly that size. OpenSSL passes over blanks and over bits that are
/// left behind the last byte, so only what it would write itself counts.
std::optional<std::string> decode(std::string_view text, std::size_t size_bytes) {
  if (text.size() != 4 * ((size_bytes + 2) / 3)) return std::nullopt;
  std::vector<std::uint8_t> out(text.size());
  const int size = EVP_DecodeBlock(out.data(), bytes_of(text), static_cast<int>(text.size()));
  if (size < 0 || static_cast<std::size_t>(size) < size_bytes) return std::nullopt;
  std::string bytes(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(size_bytes));
  if (base64(bytes) != text) return std::nullopt;
  return bytes;
}

/// As minisign prints an id: a number whose lowest byte comes first.
std::string id_text(std::string_view id) {
  std::string text;
  for (auto byte = id.rbegin(); byte != id.rend(); ++byte) {
    text += fmt::format("{:02X}", static_cast<std::uint8_t>(*byte));
  }
  return text;
}

std::string blake2b_512(std::string_view bytes) {
  std::string digest(kSignatureBytes, '\0');
  auto* const out = reinterpret_cast<std::uint8_t*>(digest.data());
  if (EVP_Digest(bytes.data(), bytes.size(), out, nullptr, EVP_blake2b512(), nullptr) != 1) {
    throw Error(ErrorKind::failure, "openssl cannot compute BLAKE2b-512");
  }
  return digest;
}

/// Takes the last line, whose end must be there, off `text`.
std::string_view take_last_line(std::string_view& text) {
  if (!text.ends_with('\n')) refuse("the object is cut off or was appended to");
  text.remove_suffix(1);
  const auto before = text.rfind('\n');
  const auto begin = before == std::string_view::npos ? 0 : before + 1;
  const auto line = text.substr(begin);
  text = text.substr(0, begin);
  return line;
}

/// What stands behind the prefix of a comment's line.
std::string_view comment_in(std::string_view line, std::string_view prefix, std::size_t longest) {
  if (!line.starts_with(prefix)) {
    refuse(fmt::format("no line \"{}...\" where it belongs", trim(prefix)),
           "The object has to be a manifest and the four lines of its minisign signature.");
  }
  line.remove_prefix(prefix.size());
  const bool plain = std::none_of(line.begin(), line.end(), [](char c) {
    const auto byte = static_cast<std::uint8_t>(c);
    return (byte < ' ' && c != '\t') || byte == 0x7f;
  });
  if (!plain || line.size() > longest) {
    refuse(fmt::format("the {} is too long or has control characters",
                       prefix.substr(0, prefix.find(':'))));
  }
  return line;
}

/// An object, taken apart.
struct Parts {
  std::string_view manifest;
  std::string key_id;             ///< 8 bytes.
  std::string signature;          ///< 64 bytes.
  std::string_view comment;       ///< The trusted one.
  std::string comment_signature;  ///< 64 bytes.
};

Parts parts_of(std::string_view object) {
  const auto comment_signature = take_last_line(object);
  const auto trusted = take_last_line(object);
  const auto signature = take_last_line(object);
  const auto untrusted = take_last_line(object);
  comment_in(untrusted, kUntrusted, kLongestUntrusted);
  const auto bytes = decode(signature, 2 + kIdBytes + kSignatureBytes);
  if (!bytes) refuse("its second line is not 74 bytes in base64");
  if (bytes->starts_with("Ed")) {
    refuse("of minisign's legacy kind",
           "Sign it anew with minisign -S -H, which hashes the text first.");
  }
  if (!bytes->starts_with("ED")) refuse("of a kind that is not known");
  const auto second = decode(comment_signature, kSignatureBytes);
  if (!second) refuse("its last line is not 64 bytes in base64");
  return {.manifest = object,
          .key_id = bytes->substr(2, kIdBytes),
          .signature = bytes->substr(2 + kIdBytes),
          .comment = comment_in(trusted, kTrusted, kLongestTrusted),
          .comment_signature = *second};
}

void require_signed(const Parts& parts, std::span<const PublicKey> keys) {
  const auto id = id_text(parts.key_id);
  std::string trusted;
  bool found = false;
  const auto digest = blake2b_512(parts.manifest);
  for (const auto& key : keys) {
    trusted.append(trusted.empty() ? "" : ", ").append(key.id());
    if (key.id() != id) continue;
    found = true;
    if (!key.has_signed(digest, parts.signature)) continue;
    if (key.has_signed(fmt::format("{}{}", parts.signature, parts.comment),
                       parts.comment_signature)) {
      return;
    }
    refuse("its trusted comment was changed after key " + id + " signed it");
  }
  if (!found) {
    refuse("by key " + id + ", which is not trusted", "Trusted: " + trusted + ".");
  }
  refuse("the manifest was changed after key " + id + " signed it, or was never signed by it");
}

}  // namespace

PublicKey PublicKey::parse(std::string_view text) {
  const auto refuse_key = [](const char* message) {
    throw Error(ErrorKind::usage, fmt::format("public key: {}", message),
                "Give the line of base64 that minisign -G prints, which begins with RW.");
  };
  if (text.starts_with(kUntrusted)) {
    const auto end = text.find('\n');
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  if (text.ends_with('\n')) text.remove_suffix(1);
  const auto bytes = decode(text, 2 + kIdBytes + kKeyBytes);
  if (!bytes) refuse_key("not 42 bytes in base64");
  if (!bytes->starts_with("Ed")) refuse_key("not one of minisign's");
  PublicKey key;
  std::copy_n(bytes->begin() + 2, kIdBytes, key.id_.begin());
  std::copy_n(bytes->begin() + 2 + kIdBytes, kKeyBytes, key.key_.begin());
  return key;
}

std::string PublicKey::id() const { return id_text(view_of(id_)); }

std::string PublicKey::text() const {
  return base64(fmt::format("Ed{}{}", view_of(id_), view_of(key_)));
}

bool PublicKey::has_signed(std::string_view message, std::string_view signature) const {
  const std::unique_ptr<EVP_PKEY, KeyEnd> key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key_.data(), key_.size()));
  const std::unique_ptr<EVP_MD_CTX, DigestEnd> context(EVP_MD_CTX_new());
  if (!key || !context ||
      EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) != 1) {
    throw Error(ErrorKind::failure, "openssl cannot verify with Ed25519");
  }
  return EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(message),
                          message.size()) == 1;
}

SignedRelease verify_release(std::string_view object, std::span<const PublicKey> keys,
                             std::string_view channel) {
  if (keys.empty()) {
    throw Error(ErrorKind::usage, "no public key is trusted, so that no release can be verified",
                "Give the keys of those who sign releases.");
  }
  if (object.size() > kMostReleaseBytes) {
    refuse(fmt::format("an object of {} bytes, more than {}", object.size(), kMostReleaseBytes));
  }
  const auto parts = parts_of(object);
  require_signed(parts, keys);
  SignedRelease release{.manifest = parse_release_manifest(parts.manifest),
                        .text = std::string(object),
                        .key_id = id_text(parts.key_id),
                        .trusted_comment = std::string(parts.comment)};
  if (release.manifest.channel != channel) {
    throw Error(ErrorKind::failure, fmt::format("the release is for channel {}, not for {}",
                                                release.manifest.channel, channel));
  }
  return release;
}

}  // namespace converge::updater
