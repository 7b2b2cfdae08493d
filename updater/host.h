#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>

namespace converge::updater {

/// What tells this host from the others and stays the same: the text of /etc/machine-id
/// (machine-id(5)); where that is missing, empty or `uninitialized`, 32 random hexadecimal digits
/// that are made once and kept as `machine-id` in the state directory. It is used as the input of
/// hashes alone and sent nowhere. Throws `Error{usage}` where neither can be read or written.
std::string machine_id(const std::filesystem::path& state_directory,
                       const std::filesystem::path& system_file = "/etc/machine-id");

/// When this host's turn in a rollout comes: 0 to 99, always the same for one channel, and spread
/// evenly over the hosts: of SHA-256(`converge rollout CHANNEL\nMACHINE_ID\n`), the first eight
/// bytes, most significant first, modulo 100. Another channel has another order, so that no host is
/// always the first.
int host_bucket(std::string_view machine_id, std::string_view channel);

/// How long this host waits within each period: from 0 to below `period`, always the same, and
/// spread evenly, so that hosts whose timers fire at once do not all ask at once.
std::chrono::seconds host_delay(std::string_view machine_id, std::chrono::seconds period);

}  // namespace converge::updater
