#pragma once

#include "tests/support/temp_dir.h"

#include <string>
#include <vector>

namespace converge::tests {

/// A fresh key, and minisign(1), which signs with it.
class Minisign {
 public:
  Minisign();

  /// The line of base64.
  std::string public_key() const;
  std::string public_key_file() const { return directory_ / "key.pub"; }
  std::string secret_key_file() const { return directory_ / "key.sec"; }

  /// The text of the signature file for a text: four lines. `more` are arguments of minisign -S,
  /// such as `-l` for its legacy kind, or `-t COMMENT`.
  std::string signature_of(const std::string& text,
                           const std::vector<std::string>& more = {}) const;
  /// The text with its signature behind it, as a channel serves it.
  std::string sign(const std::string& text, const std::vector<std::string>& more = {}) const {
    return text + signature_of(text, more);
  }

 private:
  TempDir directory_;
};

}  // namespace converge::tests
