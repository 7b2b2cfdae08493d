#include "src/base/process.h"

#include "src/base/error.h"
#include "src/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <optional>
#include <pwd.h>
#include <string_view>
#include <unistd.h>
#include <vector>

namespace converge {
namespace {

// What this file needs of /proc/PID/stat (proc(5)).
struct Stat {
  std::string comm;
  char state = '?';
  std::int64_t parent = 0;
  std::int64_t terminal = 0;  // 0: no controlling terminal.
  std::int64_t started = 0;
};

std::optional<std::string> read_proc(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return std::nullopt;
  std::array<char, 4096> text{};  // The kernel gives these small files in one read.
  const auto size = read(file, text.data(), text.size());
  close(file);
  if (size <= 0) return std::nullopt;
  return std::string(text.data(), static_cast<std::size_t>(size));
}

std::optional<std::int64_t> parse_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc{} || end == text.data()) return std::nullopt;
  return number;
}

std::vector<std::string_view> split_fields(std::string_view text) {
  std::vector<std::string_view> fields;
  while (!(text = trim(text)).empty()) {
    fields.push_back(text.substr(0, text.find(' ')));
    text.remove_prefix(fields.back().size());
  }
  return fields;
}

std::optional<Stat> read_stat(std::int64_t pid) {
  const auto text = read_proc(fmt::format("/proc/{}/stat", pid));
  if (!text) return std::nullopt;
  // A program may call itself `x) R 1 (`, so the name ends at the last parenthesis, not the first.
  const auto open = text->find('(');
  const auto close = text->rfind(')');
  if (open == std::string::npos || close == std::string::npos || close < open) return std::nullopt;
  const auto fields = split_fields(std::string_view(*text).substr(close + 1));
  constexpr std::size_t kFirst = 3;  // The number of the field after the name.
  if (fields.size() <= 22 - kFirst) return std::nullopt;
  return Stat{.comm = text->substr(open + 1, close - open - 1),
              .state = fields[0].front(),
              .parent = parse_number(fields[4 - kFirst]).value_or(0),
              .terminal = parse_number(fields[7 - kFirst]).value_or(0),
              .started = parse_number(fields[22 - kFirst]).value_or(0)};
}

std::string read_boot_id() {
  const auto text = read_proc("/proc/sys/kernel/random/boot_id");
  if (!text) {
    throw Error(ErrorKind::failure, "cannot read /proc/sys/kernel/random/boot_id",
                "Mount /proc in this environment.");
  }
  return std::string(trim(*text));
}

bool runs_under_cron(const Stat& self) {
  constexpr std::array<std::string_view, 3> kCrons = {"cron", "crond", "CRON"};
  constexpr int kDeepest = 64;  // Parents change while they are read; this always ends.
  std::optional<Stat> ancestor = self;
  for (int depth = 0; depth < kDeepest && ancestor && ancestor->parent > 0; ++depth) {
    ancestor = read_stat(ancestor->parent);
    if (ancestor && std::find(kCrons.begin(), kCrons.end(), ancestor->comm) != kCrons.end()) {
      return true;
    }
  }
  return false;
}

std::string user_name(uid_t uid) {
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> buffer(4096);
  while (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == ERANGE) {
    buffer.resize(buffer.size() * 2);
  }
  return found != nullptr ? std::string(found->pw_name) : std::to_string(uid);
}

// The audit system's: set at login, kept through su and sudo.
std::optional<uid_t> login_uid() {
  const auto text = read_proc("/proc/self/loginuid");
  const auto number = text ? parse_number(trim(*text)) : std::nullopt;
  if (!number || *number < 0 || *number >= 0xffff'ffff) return std::nullopt;  // Unset is -1.
  return static_cast<uid_t>(*number);
}

/// The real user of a process.
std::optional<uid_t> user_of(std::int64_t pid) {
  const auto text = read_proc(fmt::format("/proc/{}/status", pid));
  const auto at = text ? text->find("\nUid:\t") : std::string::npos;
  if (at == std::string::npos) return std::nullopt;
  const auto number = parse_number(std::string_view(*text).substr(at + 6));
  return number ? std::optional(static_cast<uid_t>(*number)) : std::nullopt;
}

/// Who became this process's user, by sudo, su or the like: of its ancestors, the nearest that is
/// neither that user's nor root's. Unlike SUDO_USER, which that user may set to anything.
std::optional<uid_t> user_before(const Stat& self) {
  constexpr int kDeepest = 64;  // As for cron.
  std::optional<Stat> ancestor = self;
  for (int depth = 0; depth < kDeepest && ancestor && ancestor->parent > 0; ++depth) {
    const auto user = user_of(ancestor->parent);
    if (user && *user != 0 && *user != getuid()) return user;
    ancestor = read_stat(ancestor->parent);
  }
  return std::nullopt;
}

}  // namespace

ProcessIdentity this_process() {
  const std::int64_t pid = getpid();
  const auto stat = read_stat(pid);
  if (!stat) {
    throw Error(ErrorKind::failure, fmt::format("cannot read /proc/{}/stat", pid),
                "Mount /proc in this environment.");
  }
  return {.pid = pid, .started = stat->started, .boot_id = read_boot_id()};
}

bool is_alive(const ProcessIdentity& process) {
  if (process.pid <= 0 || process.boot_id != read_boot_id()) return false;
  const auto stat = read_stat(process.pid);
  if (stat) {
    return stat->started == process.started && stat->state != 'Z' && stat->state != 'X';
  }
  // Mounted with hidepid, /proc shows other users' processes to nobody. One that exists there may
  // be the one that is meant, and a live writer must be left alone.
  return kill(static_cast<pid_t>(process.pid), 0) != 0 && errno == EPERM;
}

std::string current_actor() {
  const auto self = read_stat(getpid()).value_or(Stat{});
  const bool by_systemd = std::getenv("INVOCATION_ID") != nullptr && self.terminal == 0;
  if (by_systemd || runs_under_cron(self)) return "cron";
  if (const auto uid = login_uid()) return user_name(*uid);
  const char* sudo_user = std::getenv("SUDO_USER");
  if (geteuid() == 0 && sudo_user != nullptr && *sudo_user != '\0') return sudo_user;
  if (const auto before = user_before(self); getuid() != 0 && before) return user_name(*before);
  return user_name(getuid());
}

}  // namespace converge
