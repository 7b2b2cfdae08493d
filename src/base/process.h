#pragma once

#include <cstdint>
#include <string>

namespace converge {

/// Names one process for good: a process id alone is used again after a while, and after a boot.
struct ProcessIdentity {
  std::int64_t pid = 0;
  std::int64_t started = 0;  ///< Clock ticks after boot, field 22 of /proc/PID/stat (proc(5)).
  std::string boot_id;       ///< /proc/sys/kernel/random/boot_id

  friend bool operator==(const ProcessIdentity&, const ProcessIdentity&) = default;
};

/// Of the calling process. Throws `Error` without a readable /proc.
ProcessIdentity this_process();

/// Whether exactly that process still runs on this host. A zombie does not.
bool is_alive(const ProcessIdentity& process);

/// `cron` under cron or a systemd timer, otherwise who is behind sudo and ssh: by the login uid of
/// the audit system, SUDO_USER of root, or the first other user among the processes above, or us.
std::string current_actor();

}  // namespace converge
