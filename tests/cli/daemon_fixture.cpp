#include "tests/cli/daemon_fixture.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace converge::tests {

namespace {

/// With what `cli` has, and the manager's socket.
CommandOptions options_of(const Cli& cli, const std::filesystem::path& config,
                          const Environment& environment, const NotifySocket& manager) {
  CommandOptions options{.environment = cli.environment};
  options.environment["CONVERGE_CONFIG"] = config.string();
  options.environment["NOTIFY_SOCKET"] = manager.path().string();
  options.environment["JOURNAL_STREAM"] = std::nullopt;
  for (const auto& [name, value] : environment) options.environment[name] = value;
  return options;
}

std::filesystem::path write_config(const Cli& cli, const std::string& name,
                                   const std::string& settings) {
  return cli.directory.write(name + ".toml", "[daemon]\n" + settings);
}

}  // namespace

NotifySocket::NotifySocket(std::filesystem::path path)
    : path_(std::move(path)),
      socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
  ::unlink(path_.c_str());
  if (::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error("cannot bind " + path_.string());
  }
}

NotifySocket::~NotifySocket() { ::close(socket_); }

std::vector<std::string> NotifySocket::told() {
  std::array<char, 4096> datagram{};
  for (auto size = ::recv(socket_, datagram.data(), datagram.size(), 0); size > 0;
       size = ::recv(socket_, datagram.data(), datagram.size(), 0)) {
    const auto all = lines(std::string(datagram.data(), static_cast<std::size_t>(size)));
    told_.insert(told_.end(), all.begin(), all.end());
  }
  return told_;
}

bool NotifySocket::has_told(const std::string& line) {
  const auto all = told();
  return std::find(all.begin(), all.end(), line) != all.end();
}

Service::Service(const Cli& cli, const std::string& settings, const Environment& environment,
                 const std::string& name)
    : manager_(cli.directory / (name + ".notify")),
      // Like errno of a full disk, SIGXFSZ is not to end it.
      process_({"sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh", cli.binary, "daemon"},
               options_of(cli, write_config(cli, name, settings), environment, manager_)) {
  eventually([this] { return !process_.is_running() || manager_.has_told("READY=1"); });
}

void Service::limit_file_size(std::optional<std::uintmax_t> bytes) const {
  const std::string limit = bytes ? std::to_string(*bytes) : "unlimited";
  const auto result =
      run_command({"prlimit", "--pid", std::to_string(pid()), "--fsize=" + limit + ":unlimited"});
  if (result.status != 0) throw std::runtime_error(result.err);
}

CommandResult Service::stop() {
  process_.renew();
  process_.kill(SIGTERM);
  return process_.wait();
}

Daemon::Daemon() {
  sql("create function tell() returns trigger language plpgsql as $$ begin "
      "perform pg_notify('account_archived', new.id::text); return null; end $$;"
      "create trigger tell after update on account for each row "
      "when (old.archived_at is null and new.archived_at is not null) execute function tell()");
  define_archive("-- every: 1h\n-- listen: account_archived\n-- timeout: 60s\n");
}

void Daemon::define_archive(const std::string& settings) const {
  define("archive", archiver(settings));
}

bool Daemon::converges() const {
  return eventually([this] { return left_to_do() == "0"; });
}

int Daemon::terminate_sessions(const std::string& condition) const {
  return std::stoi(
      sql("select count(pg_terminate_backend(pid)) from pg_stat_activity where "
          "datname = current_database() and application_name = 'converge' and " +
          condition));
}

}  // namespace converge::tests
