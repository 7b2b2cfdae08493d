#include "tests/state_machine/service.h"

#include <CLI/CLI.hpp>
#include <Poco/Exception.h>
#include <Poco/Net/Context.h>
#include <Poco/Net/HTTPServer.h>
#include <Poco/Net/HTTPServerParams.h>
#include <Poco/Net/NetSSL.h>
#include <Poco/Net/SecureServerSocket.h>
#include <Poco/ThreadPool.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <sys/prctl.h>
#include <unistd.h>

namespace converge::state_machine {
namespace {

namespace net = Poco::Net;

struct Flags {
  std::uint16_t port = 0;
  std::string state;
  int delay_ms = 0;
  int work_ms = 0;
  int threads = 64;
  std::string certificate;
  std::string key;
  bool dies_with_parent = false;
};

net::ServerSocket listen(const Flags& flags) {
  const net::SocketAddress address("127.0.0.1", flags.port);
  constexpr int backlog = 256;
  if (flags.certificate.empty()) return net::ServerSocket(address, backlog);
  const net::Context::Ptr context(new net::Context(
      net::Context::TLS_SERVER_USE, flags.key, flags.certificate, "", net::Context::VERIFY_NONE));
  return net::SecureServerSocket(address, backlog, context);
}

int serve(const Flags& flags) {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  const auto file =
      flags.state.empty() ? std::nullopt : std::optional<std::filesystem::path>(flags.state);
  Service service{.ledger = Ledger(std::chrono::milliseconds{flags.work_ms}, file),
                  .delay = std::chrono::milliseconds{flags.delay_ms}};
  // A connection that is kept has a thread for as long as it stays.
  Poco::ThreadPool threads(2, flags.threads);
  net::HTTPServerParams::Ptr params(new net::HTTPServerParams);
  params->setMaxThreads(flags.threads);
  params->setMaxQueued(1000);
  params->setKeepAliveTimeout({60, 0});
  net::HTTPServer server(make_handlers(service), threads, listen(flags), params);
  service.connections = [&] { return server.totalConnections(); };
  server.start();
  std::printf("%u\n", static_cast<unsigned>(server.port()));
  std::fflush(stdout);
  int signal = 0;
  sigwait(&ends, &signal);
  // Without waiting for requests that never end.
  std::_Exit(0);
}

int run(int argc, char** argv) {
  Flags flags;
  CLI::App app("A state machine service for tests and demonstrations, on the loopback network.");
  app.add_option("--port", flags.port, "0: any that is free. It is the first line of the output.");
  app.add_option("--state", flags.state, "File that keeps the effects over restarts.");
  app.add_option("--delay", flags.delay_ms, "Milliseconds before each answer.");
  app.add_option("--work", flags.work_ms, "Milliseconds that a cluster is `deprovisioning`.");
  app.add_option("--threads", flags.threads, "Connections at once.");
  app.add_option("--cert", flags.certificate, "PEM file: serve HTTPS.");
  app.add_option("--key", flags.key, "PEM file of its private key.");
  app.add_flag("--die-with-parent", flags.dies_with_parent, "End when the starting process does.");
  CLI11_PARSE(app, argc, argv);
  if (flags.dies_with_parent) prctl(PR_SET_PDEATHSIG, SIGKILL);
  net::initializeSSL();
  return serve(flags);
}

}  // namespace
}  // namespace converge::state_machine

int main(int argc, char** argv) {
  try {
    return converge::state_machine::run(argc, argv);
  } catch (const Poco::Exception& error) {
    std::fprintf(stderr, "state-machine: %s\n", error.displayText().c_str());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "state-machine: %s\n", error.what());
  }
  return 1;
}
