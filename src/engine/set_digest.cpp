#include "src/engine/set_digest.h"

#include "src/base/digest.h"

namespace converge::engine {

void SetDigest::add(std::string_view key) {
  const Digest digest = sha256(key);
  std::uint64_t carry = 0;
  for (std::size_t word = 0; word < sum_.size(); ++word) {
    const std::size_t byte = digest.size() - 4 * (word + 1);
    const std::uint32_t addend =
        std::uint32_t{digest[byte]} << 24U | std::uint32_t{digest[byte + 1]} << 16U |
        std::uint32_t{digest[byte + 2]} << 8U | std::uint32_t{digest[byte + 3]};
    carry += std::uint64_t{sum_[word]} + addend;
    sum_[word] = static_cast<std::uint32_t>(carry);
    carry >>= 32U;
  }
}

std::string SetDigest::text(std::string_view version) const {
  std::string bytes;
  for (const std::uint32_t word : sum_) {
    for (unsigned shift = 0; shift < 32; shift += 8) {
      bytes += static_cast<char>(static_cast<unsigned char>(word >> shift));
    }
  }
  return hex(sha256(bytes + std::string(version))).substr(0, 16);
}

}  // namespace converge::engine
