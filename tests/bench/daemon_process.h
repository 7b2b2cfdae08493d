#pragma once

#include "tests/support/command.h"
#include "tests/support/temp_dir.h"

#include <filesystem>
#include <memory>
#include <string>

namespace converge::bench {

/// `converge daemon`, and this process in the place of its service manager.
class DaemonProcess {
 public:
  DaemonProcess(const std::string& converge, const std::filesystem::path& configuration);
  ~DaemonProcess();
  DaemonProcess(const DaemonProcess&) = delete;
  DaemonProcess& operator=(const DaemonProcess&) = delete;

  /// Returns once it has said READY=1; throws when it ends before, or never says so.
  void wait_until_ready();
  /// The seconds from SIGTERM to its end, which must be a good one.
  double stop();
  void kill();

  double cpu_seconds() const;   ///< User and system time so far.
  double resident_mib() const;  ///< Now.

 private:
  tests::TempDir directory_;
  int notifications_;
  std::unique_ptr<tests::Command> command_;
};

}  // namespace converge::bench
