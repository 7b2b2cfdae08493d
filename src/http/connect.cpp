#include "src/http/connect.h"

#include "src/base/text.h"
#include "src/http/client.h"

#include <cerrno>
#include <future>
#include <iterator>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <thread>
#include <utility>
#include <vector>

namespace converge::http {
namespace {

struct AddressesEnd {
  void operator()(addrinfo* addresses) const { freeaddrinfo(addresses); }
};
using Addresses = std::unique_ptr<addrinfo, AddressesEnd>;

/// What getaddrinfo(3) tells.
struct Found {
  Addresses addresses;
  int error = 0;
  int system_error = 0;
};

Found ask(const std::string& host, std::uint16_t port, int flags) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | flags;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  return {.addresses = Addresses(found), .error = error, .system_error = errno};
}

/// The resolver knows no deadline: when time is over its thread is left alone, and ends by itself.
Found look_up_name(const std::string& host, std::uint16_t port, const HttpDeadline& deadline) {
  std::packaged_task<Found()> task([host, port] { return ask(host, port, 0); });
  auto found = task.get_future();
  std::thread(std::move(task)).detach();
  if (found.wait_for(deadline.left()) != std::future_status::ready) {
    deadline.called("looking up the host's name", "See whether this host's DNS answers.").expire();
  }
  return found.get();
}

Addresses look_up(const std::string& host, std::uint16_t port, const HttpDeadline& deadline) {
  Found found = ask(host, port, AI_NUMERICHOST);
  if (found.error != 0) found = look_up_name(host, port, deadline);
  if (found.error == 0) return std::move(found.addresses);
  const std::string reason =
      found.error == EAI_SYSTEM ? system_reason(found.system_error) : gai_strerror(found.error);
  throw HttpError(ErrorKind::transient, "the host's name is not found: " + reason,
                  "Look at the URL for a mistake, then at DNS on this host.");
}

[[noreturn]] void throw_unreachable(int error) {
  if (error == ECONNREFUSED) {
    throw HttpError(ErrorKind::transient, "connection refused",
                    "Nothing listens on that port. See whether the service runs.");
  }
  throw HttpError(ErrorKind::transient, "cannot connect: " + system_reason(error));
}

Descriptor connect_to_one(const addrinfo& address, const HttpDeadline& deadline) {
  Descriptor socket(::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (socket.number() < 0) throw_unreachable(errno);
  // Without it, a small body that follows its head waits for the peer's delayed acknowledgement.
  const int on = 1;
  setsockopt(socket.number(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(socket.number(), address.ai_addr, address.ai_addrlen) == 0) return socket;
  if (errno != EINPROGRESS) throw_unreachable(errno);
  deadline.wait(socket.number(), POLLOUT);
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(socket.number(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) throw_unreachable(error);
  return socket;
}

}  // namespace

Descriptor connect_to(const std::string& host, std::uint16_t port, const HttpDeadline& deadline) {
  const Addresses found = look_up(host, port, deadline);
  std::vector<const addrinfo*> addresses;
  for (const auto* next = found.get(); next != nullptr; next = next->ai_next) {
    addresses.push_back(next);
  }
  for (std::size_t index = 0; index + 1 < addresses.size(); ++index) {
    const auto share = deadline.left() / static_cast<int>(addresses.size() - index);
    try {
      return connect_to_one(*addresses[index], deadline.within(share, "connecting"));
    } catch (const HttpError&) {  // The next address may do; the last one says why not.
    }
  }
  return connect_to_one(*addresses.back(), deadline);
}

}  // namespace converge::http
