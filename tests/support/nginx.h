#pragma once

#include "tests/support/command.h"
#include "tests/support/temp_dir.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace converge::tests {

/// How an nginx serves.
struct NginxOptions {
  std::string certificate{};  ///< PEM file; with one it speaks TLS, and HTTP alone without.
  std::string key{};          ///< Its private key.
  std::string server{};       ///< More directives inside of `server {}`, such as `location`s.
};

/// A real nginx(8), started at its own, with its own configuration, on the loopback network. It
/// serves the files in `root` and ends with this object, or with the tests if they die.
class Nginx {
 public:
  /// Returns when it answers. Throws `std::runtime_error` with its reasons if it does not.
  explicit Nginx(NginxOptions options = {});

  /// The directory that is served, of mode 0755.
  std::filesystem::path root() const { return directory_ / "root"; }
  /// Writes a file below `root` and returns its path.
  std::filesystem::path serve(const std::filesystem::path& name, std::string_view content) const {
    return directory_.write("root" / name, content);
  }

  std::uint16_t port() const { return port_; }
  /// `http://127.0.0.1:PORT/PATH`, or `https://localhost:PORT/PATH`; `path` begins with a slash.
  std::string url(const std::string& path = "") const;

  /// The requests so far, `METHOD TARGET STATUS "RANGE" BYTES` each, where RANGE is the header's
  /// value or `-`, and BYTES those of the body that were sent. A request is logged when it is over,
  /// maybe after its client has all of the answer: waits until there are at least `count`.
  std::vector<std::string> requests(std::size_t count) const;

  void stop();
  /// Again, on the same port.
  void start();

 private:
  std::string configuration() const;
  /// Whether it answers; not, when its port has been taken by somebody else.
  bool try_start();

  NginxOptions options_;
  TempDir directory_;
  std::uint16_t port_ = 0;
  std::unique_ptr<Command> process_;
};

}  // namespace converge::tests
