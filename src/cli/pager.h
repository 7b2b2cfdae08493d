#pragma once

#include <sys/types.h>

namespace converge::cli {

/// Shows standard output through a pager while it lives, when that is a terminal:
/// `$CONVERGE_PAGER`, else `$PAGER`, else `less -FRX` where there is one. Empty or `cat` means
/// none. A person who leaves the pager ends the program by SIGPIPE, quietly.
class Pager {
 public:
  explicit Pager(bool wanted);
  ~Pager();
  Pager(const Pager&) = delete;
  Pager& operator=(const Pager&) = delete;

  /// Whether there is one.
  bool is_active() const { return process_ > 0; }

 private:
  pid_t process_ = -1;
};

}  // namespace converge::cli
