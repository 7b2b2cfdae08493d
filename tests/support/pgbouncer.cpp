#include "tests/support/pgbouncer.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace converge::tests {
namespace {

constexpr const char* kPort = "6432";
constexpr std::chrono::seconds kPatience{30};

}  // namespace

PgBouncer::PgBouncer(const std::string& mode, const std::string& server, const std::string& user) {
  // It refuses to be root, and runs as the user of the server.
  ::chmod(directory_.path().c_str(), 0777);
  const auto configuration = directory_.write(
      "pgbouncer.ini", "[databases]\n* = host=" + server + " user=" + user +
                           "\n[pgbouncer]\npool_mode = " + mode + "\nlisten_port = " + kPort +
                           "\nunix_socket_dir = " + directory_.path().string() +
                           "\ndefault_pool_size = 90\nauth_type = any\nadmin_users = "
                           "postgres\nlogfile =\npidfile =\n");
  std::vector<std::string> words = {"pgbouncer", configuration.string()};
  if (::geteuid() == 0) {
    words.insert(words.begin(), {"setpriv", "--reuid=postgres", "--regid=postgres",
                                 "--clear-groups", "--pdeathsig=KILL"});
  }
  process_ = std::make_unique<Command>(words);
  const auto socket = directory_ / (std::string(".s.PGSQL.") + kPort);
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!std::filesystem::exists(socket)) {
    if (!process_->is_running() || std::chrono::steady_clock::now() > end) {
      throw std::runtime_error("pgbouncer does not listen: " + process_->err());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

std::string PgBouncer::url(const std::string& database) const {
  return "host=" + directory_.path().string() + " port=" + kPort + " dbname=" + database +
         " user=postgres";
}

void PgBouncer::pause() const {
  const auto result = run_command({"psql", "-X", "-q", "-d", url("pgbouncer"), "-c", "pause"});
  if (result.status != 0) throw std::runtime_error("pgbouncer: " + result.err);
}

std::string reached(const PostgresCluster& cluster, const std::string& database,
                    const std::string& user) {
  const char* mode = std::getenv("POOLER");
  if (mode == nullptr || user != "postgres") return cluster.url(database, user);
  static const PgBouncer pooler(mode, cluster.socket_directory().string(), user);
  return pooler.url(database);
}

}  // namespace converge::tests
