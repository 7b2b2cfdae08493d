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

/// Who caused what this process does: `cron` under cron or a systemd timer, otherwise the login
/// name behind sudo and ssh (the audit system's login uid, else SUDO_USER for root, else the user).
std::string current_actor();

}  // namespace converge
