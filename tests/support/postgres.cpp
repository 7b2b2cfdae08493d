#include "tests/support/postgres.h"

#include "tests/support/temp_dir.h"

#include <libpq-fe.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <memory>
#include <pwd.h>
#include <spawn.h>
#include <stdexcept>
#include <sys/stat.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

namespace converge::tests {
namespace {

constexpr const char* kOwner = "postgres";
constexpr const char* kPrograms = "/usr/lib/postgresql/15/bin";

constexpr std::string_view kSettings = R"(
listen_addresses = ''
max_connections = 60
max_prepared_transactions = 5
shared_buffers = 32MB
min_wal_size = 80MB
max_wal_size = 256MB
log_line_prefix = '%m [%p] %a %d '
timezone = 'UTC'
)";

constexpr std::string_view kAuthentication =
    "local all +needs_password scram-sha-256\n"
    "local all all trust\n"
    "local replication all trust\n";

/// Waits for the end of its standard input, which comes with the end of the process that holds the
/// other side, however that ends. The server may be starting at that moment or be gone already: the
/// process id in the file counts only while that process works in the data directory.
constexpr const char* kWatcher = R"sh(
trap '' HUP INT TERM
read -r _
for _ in 1 2 3 4 5 6 7 8 9 10; do
  if [ -r "$1/data/postmaster.pid" ] && read -r pid <"$1/data/postmaster.pid" &&
    [ "$(readlink "/proc/$pid/cwd")" = "$1/data" ]; then
    kill -QUIT "$pid"
    while [ "$(readlink "/proc/$pid/cwd")" = "$1/data" ]; do sleep 0.02; done
    break
  fi
  [ -e "$1/starting" ] || break
  sleep 0.2
done
# An initdb that goes on writes files behind its back for a moment.
for _ in 1 2 3 4 5 6 7 8 9 10; do
  rm -rf "$1" && break
  sleep 0.2
done
)sh";

std::filesystem::path make_directory() {
  // In /tmp whatever TMPDIR says: the server's user must get there, and a socket's path is short.
  std::string name = "/tmp/converge-pg-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) {
    throw std::system_error(errno, std::generic_category(), "mkdtemp " + name);
  }
  if (::geteuid() == 0) {
    const passwd* owner = ::getpwnam(kOwner);
    if (owner == nullptr) throw std::runtime_error("no user postgres: run `make deps`");
    if (::chown(name.c_str(), owner->pw_uid, owner->pw_gid) != 0) {
      throw std::system_error(errno, std::generic_category(), "chown " + name);
    }
  }
  // Tests connect to the socket as any user; the data directory in it is private by itself.
  ::chmod(name.c_str(), 0755);
  return name;
}

void require_success(const CommandResult& result, const std::string& what) {
  if (result.status == 0) return;
  throw std::runtime_error(what + " failed: " + result.out + result.err);
}

std::string text_of(const PGresult& result) {
  std::string text;
  for (int row = 0; row < ::PQntuples(&result); ++row) {
    if (row > 0) text += '\n';
    for (int column = 0; column < ::PQnfields(&result); ++column) {
      if (column > 0) text += '|';
      text += ::PQgetvalue(&result, row, column);
    }
  }
  return text;
}

}  // namespace

PostgresCluster::Watcher::Watcher(const std::filesystem::path& directory) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    throw std::system_error(errno, std::generic_category(), "pipe2");
  }
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
  ::posix_spawnattr_init(&attributes);
  // Its own session: what kills the tests' process group must not kill it.
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);

  std::array<std::string, 5> words{"sh", "-c", kWatcher, "watcher", directory.string()};
  std::array<char*, 6> arguments{words[0].data(), words[1].data(), words[2].data(),
                                 words[3].data(), words[4].data(), nullptr};
  const int error =
      ::posix_spawn(&pid_, "/bin/sh", &actions, &attributes, arguments.data(), ::environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  ::close(ends[0]);
  lifeline_ = ends[1];
  if (error != 0) throw std::system_error(error, std::generic_category(), "cannot run sh");
}

PostgresCluster::Watcher::~Watcher() {
  ::close(lifeline_);
  ::waitpid(pid_, nullptr, 0);
}

PostgresCluster& PostgresCluster::shared() {
  static PostgresCluster cluster;
  return cluster;
}

PostgresCluster::PostgresCluster() : directory_(make_directory()), watcher_(directory_) {
  require_success(
      run_as_owner("initdb", {"--pgdata=" + data_directory().string(), "--username=postgres",
                              "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"}),
      "initdb");
  write_text(data_directory() / "postgresql.auto.conf", kSettings);
  write_text(data_directory() / "pg_hba.conf", kAuthentication);
  start();
  query("postgres", "create role needs_password nologin");
}

PostgresCluster::PostgresCluster(PostgresCluster& primary)
    : directory_(make_directory()), watcher_(directory_) {
  // Its settings come with it, and so does who may log in.
  require_success(
      run_as_owner("pg_basebackup", {"--pgdata=" + data_directory().string(),
                                     "--host=" + primary.socket_directory().string(),
                                     "--username=postgres", "--checkpoint=fast",
                                     "--wal-method=stream", "--write-recovery-conf", "--no-sync"}),
      "pg_basebackup");
  start();
}

void PostgresCluster::promote() {
  require_success(run_as_owner("pg_ctl", {"promote", "--wait", "--silent",
                                          "--pgdata=" + data_directory().string()}),
                  "pg_ctl promote");
}

CommandResult PostgresCluster::run_as_owner(const std::string& program,
                                            std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), std::string(kPrograms) + "/" + program);
  if (::geteuid() == 0) {
    arguments.insert(arguments.begin(), {"setpriv", std::string("--reuid=") + kOwner,
                                         std::string("--regid=") + kOwner, "--init-groups"});
  }
  return run_command(arguments, {.environment = {{"LC_ALL", "C.UTF-8"}}, .directory = directory_});
}

void PostgresCluster::start() {
  const auto mark = directory_ / "starting";
  write_text(mark, "");
  const auto result = run_as_owner(
      "pg_ctl", {"start", "--wait", "--silent", "--pgdata=" + data_directory().string(),
                 "--log=" + (directory_ / "log").string(), "--options=-k " + directory_.string()});
  std::filesystem::remove(mark);
  if (result.status != 0) throw std::runtime_error("cannot start PostgreSQL: " + log());
}

void PostgresCluster::stop(StopMode mode) {
  const std::string name = mode == StopMode::fast ? "fast" : "immediate";
  require_success(run_as_owner("pg_ctl", {"stop", "--wait", "--silent", "--mode=" + name,
                                          "--pgdata=" + data_directory().string()}),
                  "pg_ctl stop");
}

void PostgresCluster::restart(StopMode mode) {
  stop(mode);
  start();
}

std::string PostgresCluster::listen() {
  // One to itself, since the port is that of every other server. Process ids have 22 bits at most.
  const auto pid = static_cast<unsigned>(::getpid());
  const std::string address = "127." + std::to_string(pid >> 16U & 0xffU) + '.' +
                              std::to_string(pid >> 8U & 0xffU) + '.' + std::to_string(pid & 0xffU);
  write_text(data_directory() / "pg_hba.conf",
             std::string(kAuthentication) + "host all all 127.0.0.0/8 trust\n");
  query("postgres", "alter system set listen_addresses = '" + address + "'");
  restart();
  return address;
}

std::string PostgresCluster::create_database(const std::vector<std::string>& scripts) {
  auto& source = templates_[scripts];
  if (source.empty()) {
    const auto name = "template_" + std::to_string(templates_.size());
    query("postgres", "create database " + name + " template template0");
    for (const auto& script : scripts) query(name, script);
    source = name;
  }
  auto name = "test_" + std::to_string(++databases_);
  query("postgres", "create database " + name + " template " + source);
  return name;
}

void PostgresCluster::drop_database(const std::string& database) {
  query("postgres", "drop database " + database + " with (force)");
}

std::string PostgresCluster::url(const std::string& database, const std::string& user) const {
  return "postgresql://" + user + "@/" + database + "?host=" + directory_.string();
}

std::string PostgresCluster::query(const std::string& database, const std::string& sql) const {
  const std::unique_ptr<PGconn, decltype(&::PQfinish)> connection(
      ::PQconnectdb(url(database).c_str()), ::PQfinish);
  if (::PQstatus(connection.get()) != CONNECTION_OK) {
    throw std::runtime_error(::PQerrorMessage(connection.get()));
  }
  ::PQsetNoticeProcessor(
      connection.get(), [](void*, const char*) {}, nullptr);
  const std::unique_ptr<PGresult, decltype(&::PQclear)> result(
      ::PQexec(connection.get(), sql.c_str()), ::PQclear);
  const auto status = ::PQresultStatus(result.get());
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK && status != PGRES_EMPTY_QUERY) {
    throw std::runtime_error(std::string(::PQerrorMessage(connection.get())) + "in: " + sql);
  }
  return text_of(*result);
}

std::string PostgresCluster::log() const { return read_text(directory_ / "log"); }

}  // namespace converge::tests
