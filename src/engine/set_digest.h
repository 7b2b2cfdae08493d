#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace converge::engine {

/// A digest of a set of subjects, whatever the order they come in, in constant memory: the sum
/// modulo 2^256 of the SHA-256 of each key (AdHash; Bellare and Micciancio, 1997).
class SetDigest {
 public:
  void add(std::string_view key);
  /// 16 hexadecimal digits that name the set together with a definition's version.
  std::string text(std::string_view version) const;

 private:
  std::array<std::uint32_t, 8> sum_{};  ///< Least significant first.
};

}  // namespace converge::engine
