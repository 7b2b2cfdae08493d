#pragma once

#include "tests/cli/fixture.h"
#include "tests/support/certificates.h"
#include "tests/support/minisign.h"
#include "tests/support/nginx.h"
#include "updater/release_manifest.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace converge::tests {

/// What a host that updates itself has: an installed build 101, a journal, a configuration with the
/// key of who signs, and a server, a real nginx. It has no database: what needs one is elsewhere.
class UpdatedHost {
 public:
  /// Of a server that speaks `http` or `https`; `directives` are more of its own, such as a rate.
  explicit UpdatedHost(const std::string& scheme = "http", const std::string& directives = "");

  /// A stripped `converge` that says that it is that build: 101 or 102.
  static const std::string& program(int build);
  /// A program that answers its try as that build, or does what `script` says, a shell's.
  static std::string stand_in(int build, const std::string& script = "");

  /// A manifest of that build for the stable channel, with that binary, which is then served. Its
  /// `seq` is one more than that of the last.
  updater::ReleaseManifest manifest_of(int build, const std::string& binary);
  /// Signs it, and serves it as what the stable channel offers; also as that of its build.
  void offer(const updater::ReleaseManifest& manifest) const;
  void offer_object(const std::string& object) const;
  /// Both, of the program of that build.
  void release(int build, const std::function<void(updater::ReleaseManifest&)>& change = {});

  /// Runs `converge ARGUMENTS...` from the installed path; `update` goes before them.
  CommandResult call(const Words& arguments) const;
  CommandResult update(Words arguments = {}) const;
  /// An update that must succeed; what it printed.
  std::string updated(const Words& arguments = {}) const;
  /// An update that must fail with that status and a message with that text, with nothing changed
  /// beside the binary and at its path.
  void refused(const std::string& text, int status = 1, const Words& arguments = {}) const;

  /// What runs at the path: the number that `--version` tells.
  int installed() const;
  /// Events of the `update` entries, each with its build: `installed 102`.
  std::vector<std::string> history() const;
  /// `journal verify` must find nothing wrong.
  void require_whole_journal() const;
  /// Names in the directory of the binary, but for lock and state.
  std::vector<std::string> names() const;
  /// A member of `update --status -o json`.
  std::string status(const std::string& name) const;
  void configure(const std::string& more = "", const std::string& key = "") const;
  std::string journal_value(const std::string& query) const;

  TempDir directory;
  Certificates certificates;
  Nginx server;
  Minisign signer;
  std::filesystem::path binary = directory / "bin" / "converge";
  std::filesystem::path journal = directory / "state" / "journal.db";
  Environment environment;

 private:
  std::int64_t seq_ = 0;
};

/// The twin that dies at fault points; it is build 0.
std::filesystem::path debug_program();

}  // namespace converge::tests
