#pragma once

#include "src/cli/command.h"
#include "src/config/config.h"

#include <memory>

namespace converge::cli {

/// The look for a newer build that a `run` takes beside its passes.
///
/// At most once per `[update] every` and a little more, which differs from host to host; within two
/// seconds in all; silent where anything goes wrong. It installs nothing and delays no pass: it
/// has a thread of its own, and what has not come by the end of the two seconds is left behind.
class UpdateNotice {
 public:
  /// Begins it, if it is due, configured and wanted (CONVERGE_NO_UPDATE_CHECK=1 says that it is
  /// not). Throws nothing.
  UpdateNotice(const config::Config& config, bool wanted);
  /// Waits as `tell` does.
  ~UpdateNotice();
  UpdateNotice(const UpdateNotice&) = delete;
  UpdateNotice& operator=(const UpdateNotice&) = delete;

  /// Waits for what is left of the two seconds, then tells on standard error, unless `quiet`, when
  /// there is something for this host, and journals what was found. Throws nothing.
  void tell(const config::Config& config, bool quiet);

 private:
  struct Look;
  std::shared_ptr<Look> look_;
};

}  // namespace converge::cli
