#include "tests/support/proxy.h"

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <optional>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <system_error>
#include <utility>

namespace converge::tests {
namespace {

using std::chrono::milliseconds;

/// How often a thread looks whether the proxy is closing.
constexpr milliseconds kTick{20};

void check(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
}

Descriptor connect_to(const std::filesystem::path& path) {
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.native().copy(address.sun_path, sizeof address.sun_path - 1);
  const auto* const any = reinterpret_cast<const sockaddr*>(&address);
  if (::connect(socket.number(), any, sizeof address) != 0) return Descriptor();
  return socket;
}

/// False when the other side is gone.
bool send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EINTR) return false;
    if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

std::uint32_t number_at(std::string_view bytes, std::size_t at) {
  std::uint32_t number = 0;
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return ntohl(number);
}

bool is_readable(int socket, milliseconds patience) {
  pollfd one{.fd = socket, .events = POLLIN, .revents = 0};
  return ::poll(&one, 1, static_cast<int>(patience.count())) > 0;
}

}  // namespace

std::string WireMessage::text() const {
  const std::size_t header = type == 0 ? 4 : 5;
  if (bytes.size() <= header) return {};
  auto text = bytes.substr(header);
  return text.substr(0, text.find('\0'));
}

std::string WireMessage::place() const {
  std::string place = from_client ? "client " : "server ";
  if (type == 0) return place + "startup";
  place += type;
  // A query begins with what was queued for the same round trip; its end is what it is about.
  if (from_client && type == 'Q') {
    const auto query = text();
    const auto last = query.rfind("; ");
    const auto said = last == std::string::npos ? query : query.substr(last + 2);
    place += ' ' + said.substr(0, said.find(' '));
  }
  if (!from_client && type == 'C') place += ' ' + text().substr(0, text().find(' '));
  return place;
}

/// A client and its connection to the server, served by one thread.
class Proxy::Connection {
 public:
  Connection(Proxy& proxy, Descriptor client, Descriptor server)
      : proxy_(proxy), sides_{Side{std::move(client)}, Side{std::move(server)}} {}

  void serve() {
    while (!proxy_.closing_ && (sides_[kClient].open || sides_[kServer].open)) {
      std::array<pollfd, 2> sources{};
      for (std::size_t side = 0; side < 2; ++side) {
        // A negative descriptor is not looked at.
        sources.at(side) = {.fd = sides_.at(side).open ? sides_.at(side).socket.number() : -1,
                            .events = POLLIN,
                            .revents = 0};
      }
      ::poll(sources.data(), sources.size(), static_cast<int>(kTick.count()));
      for (std::size_t side = 0; side < 2; ++side) {
        if (sources.at(side).revents != 0 && !read_from(side)) return;
      }
    }
  }

 private:
  static constexpr std::size_t kClient = 0;
  static constexpr std::size_t kServer = 1;

  struct Side {
    Descriptor socket;
    std::string unread = {};  ///< The beginning of a message.
    bool begun = false;       ///< Whether its first message was read.
    bool open = true;         ///< Whether more may come from it.
  };

  /// False when the connection is over.
  bool read_from(std::size_t side) {
    std::array<char, 65536> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    const ssize_t size = ::recv(sides_.at(side).socket.number(), buffer.data(), buffer.size(), 0);
    if (size <= 0) {
      sides_.at(side).open = false;
      ::shutdown(sides_.at(1 - side).socket.number(), SHUT_WR);
      return size == 0;
    }
    sides_.at(side).unread.append(buffer.data(), static_cast<std::size_t>(size));
    while (auto message = next_message(side)) {
      if (!pass_on(side, std::move(*message))) return false;
    }
    return true;
  }

  std::optional<WireMessage> next_message(std::size_t side) {
    Side& from = sides_.at(side);
    // The client's first message has no type; all others begin with one.
    const std::size_t header = side == kClient && !from.begun ? 0 : 1;
    if (from.unread.size() < header + 4) return std::nullopt;
    const std::size_t size = header + number_at(from.unread, header);
    if (from.unread.size() < size) return std::nullopt;
    WireMessage message{.from_client = side == kClient,
                        .type = header == 0 ? '\0' : from.unread.front(),
                        .bytes = from.unread.substr(0, size)};
    from.unread.erase(0, size);
    from.begun = true;
    return message;
  }

  /// False when the connection is over.
  bool pass_on(std::size_t side, WireMessage message) {
    const int to = sides_.at(1 - side).socket.number();
    switch (proxy_.judge(message)) {
      case WireFault::none:
        return send_all(to, message.bytes);
      case WireFault::delayed:
        wait();
        return send_all(to, message.bytes);
      case WireFault::cut_before:
        return false;
      case WireFault::torn:
        send_all(to, std::string_view(message.bytes).substr(0, message.bytes.size() / 2));
        return false;
      case WireFault::cut_after:
        send_all(to, message.bytes);
        return false;
      case WireFault::reset: {
        send_all(to, message.bytes);
        const linger at_once{.l_onoff = 1, .l_linger = 0};
        ::setsockopt(sides_[kClient].socket.number(), SOL_SOCKET, SO_LINGER, &at_once,
                     sizeof at_once);
        return false;
      }
      case WireFault::half_closed_before:
        return half_close(side);
      case WireFault::half_closed_after:
        send_all(to, message.bytes);
        return half_close(side);
      case WireFault::black_hole_before:
        wait();
        return false;
      case WireFault::black_hole_after:
        send_all(to, message.bytes);
        wait();
        return false;
    }
    return false;
  }

  /// What the receiver still says comes back; nothing more of the sender's goes there.
  bool half_close(std::size_t side) {
    ::shutdown(sides_.at(1 - side).socket.number(), SHUT_WR);
    sides_.at(side).open = false;
    return true;
  }

  void wait() {
    const auto end = std::chrono::steady_clock::now() + proxy_.patience;
    while (!proxy_.closing_ && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(kTick);
    }
  }

  Proxy& proxy_;
  std::array<Side, 2> sides_;
};

Proxy::Proxy(const std::filesystem::path& server_socket)
    : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), server_socket_(server_socket) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  check(::bind(listener_.number(), any, size), "bind");
  check(::getsockname(listener_.number(), any, &size), "getsockname");
  check(::listen(listener_.number(), SOMAXCONN), "listen");
  port_ = ntohs(address.sin_port);
  acceptor_ = std::jthread([this] { accept_until_closed(); });
}

Proxy::~Proxy() {
  closing_ = true;
  acceptor_.join();
}

std::string Proxy::url(const std::string& database) const {
  return "postgresql://postgres@127.0.0.1:" + std::to_string(port_) + "/" + database +
         "?sslmode=disable&gssencmode=disable";
}

void Proxy::judge_by(Judge judge) {
  const std::lock_guard lock(mutex_);
  messages_ = 0;
  judge_ = std::move(judge);
}

void Proxy::lead_to(const std::filesystem::path& server_socket) {
  const std::lock_guard lock(mutex_);
  server_socket_ = server_socket;
}

void Proxy::accept_until_closed() {
  while (!closing_) {
    if (!is_readable(listener_.number(), kTick)) continue;
    Descriptor client(::accept4(listener_.number(), nullptr, nullptr, SOCK_CLOEXEC));
    std::filesystem::path path;
    {
      const std::lock_guard lock(mutex_);
      path = server_socket_;
    }
    auto server = connect_to(path);
    if (client.number() < 0 || server.number() < 0) continue;
    const int at_once = 1;
    ::setsockopt(client.number(), IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once);
    auto connection = std::make_shared<Connection>(*this, std::move(client), std::move(server));
    connections_.emplace_back([connection = std::move(connection)]() mutable {
      connection->serve();
      connection.reset();
    });
  }
  connections_.clear();
}

WireFault Proxy::judge(WireMessage& message) {
  const std::lock_guard lock(mutex_);
  message.number = ++messages_;
  return judge_ ? judge_(message) : WireFault::none;
}

}  // namespace converge::tests
