#include "src/daemon/listening_socket.h"

#include "src/base/error.h"
#include "src/base/text.h"

#include <Poco/Net/IPAddress.h>
#include <Poco/Net/SocketAddress.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace converge::daemon {
namespace {

constexpr int kBacklog = 256;
constexpr std::string_view kUnix = "unix:";

Error refused(const std::string& address) {
  return {ErrorKind::failure, fmt::format("cannot listen on {}: {}", address, system_reason(errno)),
          "Another process may listen there; choose another address."};
}

Descriptor new_socket(int family) {
  Descriptor made(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (made.number() < 0) {
    throw Error(ErrorKind::failure, "cannot make a socket: " + system_reason(errno));
  }
  return made;
}

struct HostAndPort {
  Poco::Net::IPAddress host;
  std::uint16_t port = 0;
};

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return port;
}

/// Names are not looked up: what the daemon listens on must not depend on a name server.
std::optional<HostAndPort> parse_address(const std::string& address) {
  const auto colon = address.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  const auto port = parse_port(std::string_view(address).substr(colon + 1));
  std::string host = address.substr(0, colon);
  if (host == "localhost") host = "127.0.0.1";
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string::npos) {
    return std::nullopt;
  }
  Poco::Net::IPAddress parsed;
  if (!port || !Poco::Net::IPAddress::tryParse(host, parsed)) return std::nullopt;
  return HostAndPort{parsed, *port};
}

sockaddr_un unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.front() != '/' || path.size() >= sizeof address.sun_path) {
    throw Error(
        ErrorKind::usage, fmt::format("unix:{} is no address of a socket", path),
        fmt::format("Name an absolute path of at most {} bytes.", sizeof address.sun_path - 1));
  }
  std::copy(path.begin(), path.end(), std::begin(address.sun_path));
  return address;
}

const sockaddr* generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

/// Only a socket that refuses connections is a dead server's.
void remove_stale(const std::string& path, const sockaddr_un& address) {
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) return;
  if (!S_ISSOCK(status.st_mode)) {
    throw Error(ErrorKind::usage, fmt::format("{} is there already and is no socket", path),
                "Choose another path, or remove the file.");
  }
  const auto probe = new_socket(AF_UNIX);
  if (connect(probe.number(), generic(address), sizeof address) == 0 || errno == EAGAIN) {
    throw Error(ErrorKind::failure, fmt::format("another process listens on unix:{}", path),
                "One daemon serves one socket; stop the other one or choose another path.");
  }
  if (errno == ECONNREFUSED) unlink(path.c_str());
}

}  // namespace

ListeningSocket::ListeningSocket(const std::string& address, bool allow_remote) {
  if (address.starts_with(kUnix)) {
    listen_at_file(address.substr(kUnix.size()));
  } else {
    listen_at_port(address, allow_remote);
  }
}

ListeningSocket::~ListeningSocket() {
  struct stat status {};
  // Somebody else's by now, if this process was thought to be dead.
  if (file_.empty() || lstat(file_.c_str(), &status) != 0) return;
  if (status.st_dev == device_ && status.st_ino == inode_) unlink(file_.c_str());
}

void ListeningSocket::listen_at_file(const std::string& path) {
  const auto place = unix_address(path);
  remove_stale(path, place);
  descriptor_ = new_socket(AF_UNIX);
  address_ = std::string(kUnix) + path;
  if (bind(descriptor_.number(), generic(place), sizeof place) != 0) throw refused(address_);
  file_ = path;
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) throw refused(address_);
  device_ = status.st_dev;
  inode_ = status.st_ino;
  // Nobody can connect before it listens, so the mode is right from the first connection on.
  constexpr mode_t kMode = 0660;
  if (chmod(path.c_str(), kMode) != 0 || listen(descriptor_.number(), kBacklog) != 0) {
    const auto error = refused(address_);
    unlink(path.c_str());
    throw error;
  }
}

void ListeningSocket::listen_at_port(const std::string& address, bool allow_remote) {
  const auto parsed = parse_address(address);
  if (!parsed) {
    throw Error(ErrorKind::usage, fmt::format("{} is no address to listen on", printable(address)),
                "Write 127.0.0.1:7432, [::1]:7432 or unix:/run/converge/status.sock.");
  }
  local_ = parsed->host.isLoopback();
  if (!local_ && !allow_remote) {
    throw Error(ErrorKind::usage,
                fmt::format("{} can be reached from other hosts, and the status page asks nobody"
                            " who they are",
                            printable(address)),
                "Listen on 127.0.0.1 and put a proxy with a login in front, or set status_public.");
  }
  const Poco::Net::SocketAddress wanted(parsed->host, parsed->port);
  descriptor_ = new_socket(wanted.af());
  const int on = 1;
  setsockopt(descriptor_.number(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  address_ = wanted.toString();
  if (bind(descriptor_.number(), wanted.addr(), wanted.length()) != 0 ||
      listen(descriptor_.number(), kBacklog) != 0) {
    throw refused(address_);
  }
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  auto* const place = reinterpret_cast<sockaddr*>(&bound);
  if (getsockname(descriptor_.number(), place, &size) != 0) throw refused(address_);
  address_ = Poco::Net::SocketAddress(place, size).toString();
}

}  // namespace converge::daemon
