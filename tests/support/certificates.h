#pragma once

#include "tests/support/temp_dir.h"

#include <string>
#include <vector>

namespace converge::tests {

/// An authority of its own, and what it signs: `NAME.pem` with its private key `NAME.key`. That of
/// the authority is `authority.pem`.
class Certificates {
 public:
  Certificates();

  /// Signed by the authority; at a date such as `2020-01-01`, or now.
  void sign(const std::string& name, const std::string& host, const std::string& date = {}) const;
  /// Signed by itself; `more` are arguments of openssl-req(1).
  void make(const std::string& name, const std::vector<std::string>& more,
            const std::string& date = {}) const;

  std::string file(const std::string& name) const { return directory_ / name; }
  const TempDir& directory() const { return directory_; }

 private:
  TempDir directory_;
};

}  // namespace converge::tests
