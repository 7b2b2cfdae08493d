#pragma once

#include "tests/cli/fixture.h"
#include "tests/support/minisign.h"
#include "updater/release_signature.h"

#include <filesystem>
#include <map>
#include <string>

namespace converge::tests {

/// What a person who releases has: a directory that is served, a key, and binaries of two builds.
class Publishing {
 public:
  Publishing();

  /// Runs `converge publish ARGUMENTS...`.
  CommandResult call(const Words& arguments, const CommandOptions& options = {}) const;
  /// The same with the key, which must succeed; what it printed.
  std::string publish(Words arguments) const;
  /// The same, which must fail with that status, message and hint, and change nothing in `place`.
  void refuse(const Words& arguments, int status, const std::string& message,
              const std::string& hint) const;
  /// Runs the debug twin, which must die at the fault point.
  void die_at(const std::string& fault, const Words& arguments) const;

  /// The arguments that publish a build; more may follow.
  Words of_build(int build, const std::string& channel = "stable", const Words& more = {}) const;
  Words signed_with_key(Words arguments) const;

  /// A stripped `converge` that says that it is that build: 101 or 102.
  static std::filesystem::path binary(int build);
  /// A file with the same bytes but these, at that place in it.
  std::filesystem::path changed(const std::filesystem::path& file, std::size_t offset,
                                const std::string& bytes) const;

  std::filesystem::path artifact(int build) const;
  /// What a channel says, verified as a host does. Requires that all it names is there.
  updater::ReleaseManifest offered(const std::string& channel) const;
  /// Every file of `place` with its content.
  std::map<std::string, std::string> tree() const;

  TempDir directory;
  Minisign minisign;
  std::filesystem::path place;
  std::string target;  ///< What commands publish to: `place`, or a server of it.
  Environment environment;
};

}  // namespace converge::tests
