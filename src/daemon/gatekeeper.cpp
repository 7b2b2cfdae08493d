#include "src/daemon/gatekeeper.h"

#include "src/base/error.h"
#include "src/base/text.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <utility>
#include <vector>

namespace converge::daemon {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kListening = 0;
constexpr std::uint64_t kStop = 1;

constexpr std::string_view kGarbage =
    "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
constexpr std::string_view kTooLarge =
    "HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: "
    "0\r\n\r\n";
constexpr std::string_view kTooSlow =
    "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

Descriptor checked(int descriptor, const char* what) {
  if (descriptor < 0) {
    throw Error(ErrorKind::failure, std::string(what) + ": " + system_reason(errno));
  }
  return Descriptor(descriptor);
}

bool has_whole_head(std::string_view text) {
  return text.find("\n\r\n") != std::string_view::npos ||
         text.find("\n\n") != std::string_view::npos;
}

/// Every method's name is of capital letters, and a line break may come before it. TLS, say, begins
/// otherwise, and would be waited for in vain.
bool may_be_request(char first) {
  return (first >= 'A' && first <= 'Z') || first == '\r' || first == '\n';
}

/// What the client has sent is taken first, since closing on unread bytes resets the connection
/// before the answer is read.
void refuse(int connection, std::string_view answer) {
  std::array<char, 4096> unread{};
  for (int i = 0; i < 16; ++i) {
    if (recv(connection, unread.data(), unread.size(), MSG_DONTWAIT) <= 0) break;
  }
  send(connection, answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  shutdown(connection, SHUT_WR);
}

/// From here on nobody waits for this client: reading ends where the data does, an answer fits into
/// the kernel's buffer, and if it does not, sending gives up.
void make_harmless(int connection, milliseconds sending) {
  constexpr int kSendBuffer = 1024 * 1024;  // The kernel takes the less of this and wmem_max.
  const int on = 1;
  const timeval limit{.tv_sec = sending.count() / 1000, .tv_usec = sending.count() % 1000 * 1000};
  shutdown(connection, SHUT_RD);
  setsockopt(connection, SOL_SOCKET, SO_SNDBUF, &kSendBuffer, sizeof kSendBuffer);
  setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // A Unix socket has no delay.
  fcntl(connection, F_SETFL, fcntl(connection, F_GETFL) & ~O_NONBLOCK);
}

}  // namespace

Gatekeeper::Gatekeeper(int listening, Limits limits, Admit admit)
    : listening_(listening),
      limits_(limits),
      admit_(std::move(admit)),
      epoll_(checked(epoll_create1(EPOLL_CLOEXEC), "cannot make an epoll set")),
      stop_(checked(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "cannot make an eventfd")),
      last_number_(kStop) {
  watch(listening_, EPOLLIN, kListening);
  watch(stop_.number(), EPOLLIN, kStop);
  // Signals are for the threads that wait for them.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Gatekeeper::~Gatekeeper() {
  eventfd_write(stop_.number(), 1);
  thread_.join();
}

void Gatekeeper::watch(int descriptor, std::uint32_t events, std::uint64_t number) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = number;
  if (epoll_ctl(epoll_.number(), EPOLL_CTL_ADD, descriptor, &event) == 0) return;
  throw Error(ErrorKind::failure, "cannot watch a socket: " + system_reason(errno));
}

void Gatekeeper::run() {
  std::array<epoll_event, 64> events{};
  while (true) {
    const int count = epoll_wait(epoll_.number(), events.data(), static_cast<int>(events.size()),
                                 milliseconds_to_wait());
    for (int i = 0; i < count; ++i) {
      const auto& event = events.at(static_cast<std::size_t>(i));
      if (event.data.u64 == kStop) return;
      if (event.data.u64 == kListening) {
        accept_some();
        continue;
      }
      const auto place = waiting_.find(event.data.u64);
      if (place == waiting_.end()) continue;  // It had to go to make room for another one.
      look_at(place, (event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0);
    }
    expire();
  }
}

/// All have the same patience, so the first that came is the first to go.
int Gatekeeper::milliseconds_to_wait() const {
  if (waiting_.empty()) return -1;
  const auto left =
      std::chrono::ceil<milliseconds>(waiting_.begin()->second.deadline - Clock::now());
  return static_cast<int>(std::max<std::int64_t>(0, left.count()));
}

void Gatekeeper::accept_some() {
  constexpr int kAtOnce = 64;
  for (int i = 0; i < kAtOnce; ++i) {
    Descriptor connection(accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (connection.number() >= 0) {
      take_in(std::move(connection));
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
      if (waiting_.empty()) {
        poll(nullptr, 0, 100);  // Somebody else has taken them all: no reason to spin.
        return;
      }
      waiting_.erase(waiting_.begin());
    } else if (errno != ECONNABORTED && errno != EINTR) {
      return;
    }
  }
}

void Gatekeeper::take_in(Descriptor connection) {
  if (waiting_.size() >= limits_.waiting) waiting_.erase(waiting_.begin());
  const int descriptor = connection.number();
  Waiting waiting{std::move(connection), Clock::now() + limits_.patience};
  const auto place = waiting_.emplace_hint(waiting_.end(), ++last_number_, std::move(waiting));
  epoll_event event{};
  // Edge-triggered, because the bytes stay unread: only more of them are news.
  event.events = EPOLLIN | EPOLLRDHUP | EPOLLET;
  event.data.u64 = last_number_;
  if (epoll_ctl(epoll_.number(), EPOLL_CTL_ADD, descriptor, &event) != 0) waiting_.erase(place);
}

void Gatekeeper::look_at(Place place, bool ended) {
  const int connection = place->second.connection.number();
  std::vector<char> head(limits_.head_bytes + 1);
  const auto size = recv(connection, head.data(), head.size(), MSG_PEEK | MSG_DONTWAIT);
  if (size > 0 && !may_be_request(head.front())) {
    refuse(connection, kGarbage);
    waiting_.erase(place);
  } else if (size > 0 && has_whole_head({head.data(), static_cast<std::size_t>(size)})) {
    admit(place);
  } else if (size > static_cast<ssize_t>(limits_.head_bytes)) {
    refuse(connection, kTooLarge);
    waiting_.erase(place);
  } else if (ended || size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) {
    waiting_.erase(place);
  }
}

void Gatekeeper::admit(Place place) {
  Descriptor connection = std::move(place->second.connection);
  waiting_.erase(place);
  epoll_ctl(epoll_.number(), EPOLL_CTL_DEL, connection.number(), nullptr);
  make_harmless(connection.number(), limits_.sending);
  admit_(std::move(connection));
}

void Gatekeeper::expire() {
  while (!waiting_.empty() && waiting_.begin()->second.deadline <= Clock::now()) {
    refuse(waiting_.begin()->second.connection.number(), kTooSlow);
    waiting_.erase(waiting_.begin());
  }
}

}  // namespace converge::daemon
