#pragma once

#include "src/base/digest.h"
#include "src/base/error.h"
#include "updater/release_source.h"

#include <cstdint>
#include <string>
#include <utility>

namespace converge::updater {

inline constexpr std::chrono::seconds kAmple{20};

/// A source that nobody's environment sends through a proxy.
inline ReleaseSource source_at(const std::string& url, SourceOptions options = {}) {
  options.url = url;
  if (!options.http.proxy) options.http.proxy = "";
  return ReleaseSource(std::move(options));
}

/// How a call failed.
struct Refusal {
  std::string message;
  std::string hint;
  ErrorKind kind = ErrorKind::usage;

  bool says(const std::string& text) const { return message.find(text) != std::string::npos; }
};

/// The failure of what has to fail; its message is `succeeded` when it did not.
template <typename Call>
Refusal refusal_of(const Call& call) {
  try {
    call();
    return {.message = "succeeded", .hint = {}};
  } catch (const Error& error) {
    return {.message = error.what(), .hint = error.hint(), .kind = error.kind()};
  }
}

/// Bytes that differ from place to place, and with `seed`.
inline std::string noise(std::size_t size_bytes, std::uint32_t seed = 1) {
  std::string bytes(size_bytes, '\0');
  for (auto& byte : bytes) {
    seed = seed * 1'664'525U + 1'013'904'223U;
    byte = static_cast<char>(seed >> 24U);
  }
  return bytes;
}

inline const std::string kArtifactPath = "builds/123/converge-linux-amd64";

inline Artifact artifact_of(const std::string& content) {
  return {.platform = "linux-amd64",
          .path = kArtifactPath,
          .size_bytes = static_cast<std::int64_t>(content.size()),
          .sha256 = hex(sha256(content))};
}

}  // namespace converge::updater
