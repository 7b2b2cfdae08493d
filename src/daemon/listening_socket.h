#pragma once

#include "src/base/descriptor.h"

#include <filesystem>
#include <string>
#include <sys/types.h>

namespace converge::daemon {

/// A socket that listens where the configuration says: `127.0.0.1:7432`, `[::1]:7432`,
/// `localhost:7432` (port 0 is any that is free) or `unix:/run/converge/status.sock`.
///
/// The socket file has mode 0660. One that a dead server has left is replaced; where a live one
/// listens it is an error. The file goes with the object.
class ListeningSocket {
 public:
  /// Throws `Error{usage}` for an address that is none, and for one that other hosts reach unless
  /// `allow_remote`; `Error{failure}` when the system refuses.
  explicit ListeningSocket(const std::string& address, bool allow_remote = false);
  ~ListeningSocket();
  ListeningSocket(const ListeningSocket&) = delete;
  ListeningSocket& operator=(const ListeningSocket&) = delete;

  int descriptor() const { return descriptor_.number(); }
  /// As given, with the port that was chosen.
  const std::string& address() const { return address_; }
  bool is_unix() const { return !file_.empty(); }
  /// Whether only this host reaches it.
  bool is_local() const { return local_; }

 private:
  void listen_at_file(const std::string& path);
  void listen_at_port(const std::string& address, bool allow_remote);

  Descriptor descriptor_;
  std::string address_;
  bool local_ = true;
  std::filesystem::path file_;  ///< Of a Unix socket; empty otherwise.
  dev_t device_ = 0;            ///< Of the file, as it was made.
  ino_t inode_ = 0;
};

}  // namespace converge::daemon
