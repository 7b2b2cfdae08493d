#include "src/postgres/scratch_database.h"

#include "src/base/digest.h"
#include "src/base/process.h"
#include "src/postgres/connection_string.h"

#include <fmt/core.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <unistd.h>

namespace converge::postgres {

namespace {

/// Process ids mean something on one host only.
std::string host_prefix() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return fmt::format("converge_test_{}_", hex(sha256(name.data())).substr(0, 8));
}

std::string name_of(const std::string& prefix, const ProcessIdentity& process) {
  return fmt::format("{}{}_{}", prefix, process.pid, process.started);
}

/// While it exists, a signal that would end the process waits: the second one comes when somebody,
/// or a harness, has lost patience, which is just when the database is being dropped.
class SignalsWait {
 public:
  SignalsWait() {
    sigset_t ending;
    sigemptyset(&ending);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&ending, signal);
    pthread_sigmask(SIG_BLOCK, &ending, &before_);
  }
  ~SignalsWait() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsWait(const SignalsWait&) = delete;
  SignalsWait& operator=(const SignalsWait&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace

ScratchDatabase::ScratchDatabase(const ConnectOptions& server)
    : name_(name_of(host_prefix(), this_process())),
      options_(with_database(server, name_)),
      beside_(server) {
  beside_.execute("set statement_timeout = '60s'");
  drop_leftovers(host_prefix());
  beside_.execute(fmt::format("drop database if exists {}", quote_name(name_)));
  beside_.execute(fmt::format("create database {} template template0", quote_name(name_)));
}

ScratchDatabase::~ScratchDatabase() {
  const SignalsWait wait;
  try {
    beside_.execute(fmt::format("drop database if exists {} with (force)", quote_name(name_)));
  } catch (const Error&) {
    // The next one that is made drops it.
  }
}

void ScratchDatabase::drop_leftovers(const std::string& prefix) {
  const Rows names = beside_.execute(fmt::format(
      "select datname from pg_database where starts_with(datname, '{}') order by 1", prefix));
  for (std::size_t row = 0; row < names.size(); ++row) {
    const std::string name(*names.at(row, 0));
    ProcessIdentity process = this_process();  // The host has booted once since, or more often.
    if (std::sscanf(name.c_str() + prefix.size(), "%ld_%ld", &process.pid, &process.started) != 2 ||
        name_of(prefix, process) != name || is_alive(process)) {
      continue;
    }
    try {
      beside_.execute(fmt::format("drop database if exists {}", quote_name(name)));
    } catch (const Error&) {
      // Somebody is connected to it, or it is somebody else's.
    }
  }
}

}  // namespace converge::postgres
