#pragma once

#include "tests/cli/fixture.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace converge::tests {

/// What a daemon told the service manager, received as systemd would.
class NotifySocket {
 public:
  explicit NotifySocket(std::filesystem::path path);
  ~NotifySocket();
  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;

  const std::filesystem::path& path() const { return path_; }
  /// Everything so far, a line each.
  std::vector<std::string> told();
  bool has_told(const std::string& line);

 private:
  std::filesystem::path path_;
  int socket_;
  std::vector<std::string> told_;
};

/// A running `converge daemon`, as a service manager runs it: killed with the object.
class Service {
 public:
  /// `settings` go below `[daemon]` of its configuration; `environment` over that of `cli`.
  /// Waits until it is ready, unless it ends before.
  explicit Service(const Cli& cli, const std::string& settings = "",
                   const Environment& environment = {}, const std::string& name = "daemon");

  void signal(int number) { process_.kill(number); }
  /// The largest file that it can write, as of a disk that is full; nullopt: no limit.
  void limit_file_size(std::optional<std::uintmax_t> bytes) const;
  pid_t pid() const { return process_.pid(); }
  bool is_running() { return process_.is_running(); }
  /// SIGTERM, then its end.
  CommandResult stop();
  CommandResult wait() { return process_.wait(); }

  NotifySocket& manager() { return manager_; }
  std::string log() const { return process_.err(); }
  /// Waits until its log has the text.
  bool logs(const std::string& text) { return process_.wait_for_output(text); }

 private:
  NotifySocket manager_;
  Command process_;
};

/// Cli with a converger `archive` that is woken through `account_archived`, and with the trigger
/// that does so with the account's key.
struct Daemon : Cli {
  Daemon();

  /// A converger's text with these settings.
  void define_archive(const std::string& settings) const;
  /// Waits until nothing is left to do.
  bool converges() const;
  /// Ends converge's sessions in the database for which the condition holds; returns their number.
  int terminate_sessions(const std::string& condition) const;
};

/// Without a status server, so that daemons do not meet at a port.
inline constexpr const char* kQuiet = "status = \"off\"\n";
/// And with a pass that waits for a lock as long as a case keeps it.
inline constexpr const char* kPatient = "status = \"off\"\n[database]\nlock_timeout = \"60s\"\n";

}  // namespace converge::tests
