#include "src/base/digest.h"

#include "src/base/error.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <new>

namespace converge {
namespace {

// An implicit fetch (EVP_sha256) searches OpenSSL's providers at every use; an explicit one, once.
const EVP_MD* sha256_method() {
  static const EVP_MD* const method = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  if (method == nullptr) throw Error(ErrorKind::failure, "openssl offers no SHA-256");
  return method;
}

const std::uint8_t* bytes_of(std::string_view text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

std::string_view view_of(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

}  // namespace

struct Sha256::Context {
  EVP_MD_CTX* evp = EVP_MD_CTX_new();

  Context() {
    if (evp == nullptr) throw std::bad_alloc();
  }
  ~Context() { EVP_MD_CTX_free(evp); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  void start() const {
    if (EVP_DigestInit_ex2(evp, sha256_method(), nullptr) != 1) {
      throw Error(ErrorKind::failure, "openssl cannot start SHA-256");
    }
  }
};

Sha256::Sha256() : context_(std::make_unique<Context>()) { context_->start(); }

Sha256::~Sha256() = default;

Sha256& Sha256::update(std::string_view bytes) {
  if (EVP_DigestUpdate(context_->evp, bytes.data(), bytes.size()) != 1) {
    throw Error(ErrorKind::failure, "openssl cannot continue SHA-256");
  }
  return *this;
}

Digest Sha256::finish() {
  Digest digest{};
  if (EVP_DigestFinal_ex(context_->evp, digest.data(), nullptr) != 1) {
    throw Error(ErrorKind::failure, "openssl cannot finish SHA-256");
  }
  context_->start();
  return digest;
}

Digest sha256(std::string_view bytes) {
  Digest digest{};
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, sha256_method(), nullptr) !=
      1) {
    throw Error(ErrorKind::failure, "openssl cannot compute SHA-256");
  }
  return digest;
}

Digest hmac_sha256(std::string_view key, std::string_view bytes) {
  Digest digest{};
  // A null key would mean "the key of last time" to HMAC, so an empty one points at something.
  const auto* key_bytes = key.empty() ? bytes_of("") : bytes_of(key);
  if (HMAC(sha256_method(), key_bytes, static_cast<int>(key.size()), bytes_of(bytes), bytes.size(),
           digest.data(), nullptr) == nullptr) {
    throw Error(ErrorKind::failure, "openssl cannot compute HMAC-SHA256");
  }
  return digest;
}

std::string random_bytes(std::size_t size_bytes) {
  std::string bytes(size_bytes, '\0');
  if (RAND_bytes(reinterpret_cast<std::uint8_t*>(bytes.data()), static_cast<int>(size_bytes)) !=
      1) {
    throw Error(ErrorKind::failure, "the operating system's random generator gave no bytes");
  }
  return bytes;
}

std::string hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char byte : bytes) {
    const auto value = static_cast<std::uint8_t>(byte);
    text += kDigits[value >> 4U];
    text += kDigits[value & 15U];
  }
  return text;
}

std::string hex(const Digest& digest) { return hex(view_of(digest)); }

}  // namespace converge
