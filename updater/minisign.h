#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace converge::updater {

/// Whether minisign asks for a password before it uses this secret key. Throws `Error{usage}` for a
/// file that cannot be read or is no secret key of minisign's.
bool needs_password(const std::filesystem::path& secret_key);

/// The stock tool `minisign` and one secret key.
///
/// The secret is only ever read by minisign itself. What it works on lies in a directory of its own
/// below that for temporary files, which is removed with the object; a killed process leaves it
/// behind, and there is nothing secret in it.
class Minisign {
 public:
  /// `password` is handed to minisign on its standard input, as it asks for one; it stays in memory
  /// only. Throws `Error{failure}` when there is no place for temporary files.
  Minisign(const std::filesystem::path& secret_key, std::string password);
  ~Minisign();
  Minisign(const Minisign&) = delete;
  Minisign& operator=(const Minisign&) = delete;

  /// The public key of the secret one, in minisign's base64. Throws as `sign` does.
  std::string public_key() const;

  /// The signature file, four lines, of bytes that people will have in a file of that name. Of the
  /// prehashed kind, and the same for the same bytes and comment at any time, as Ed25519 is.
  ///
  /// Throws `Error{usage}` when there is no minisign, or the password is wrong; `Error{failure}`
  /// when it fails otherwise.
  std::string sign(std::string_view bytes, const std::string& name,
                   const std::string& trusted_comment) const;

 private:
  void run(const std::vector<std::string>& arguments) const;

  std::filesystem::path secret_key_;
  std::string input_;
  std::filesystem::path scratch_;
};

}  // namespace converge::updater
