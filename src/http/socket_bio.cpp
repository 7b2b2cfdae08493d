#include "src/http/socket_bio.h"

#include <cerrno>
#include <memory>
#include <sys/socket.h>

namespace converge::http {
namespace {

int socket_of(BIO* bio) {
  int socket = -1;
  BIO_get_fd(bio, &socket);
  return socket;
}

bool is_temporary(int error) { return error == EAGAIN || error == EINTR; }

int write_bytes(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  const auto sent = send(socket_of(bio), bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  if (sent < 0 && is_temporary(errno)) BIO_set_retry_write(bio);
  return static_cast<int>(sent);
}

struct MethodEnd {
  void operator()(BIO_METHOD* method) const { BIO_meth_free(method); }
};

/// OpenSSL's own for sockets, but for the writing.
std::unique_ptr<BIO_METHOD, MethodEnd> make_method() {
  const BIO_METHOD* const own = BIO_s_socket();
  std::unique_ptr<BIO_METHOD, MethodEnd> method(
      BIO_meth_new(BIO_TYPE_SOCKET, "socket without SIGPIPE"));
  if (!method) return method;
  BIO_meth_set_write(method.get(), write_bytes);
  BIO_meth_set_read(method.get(), BIO_meth_get_read(own));
  BIO_meth_set_puts(method.get(), BIO_meth_get_puts(own));
  BIO_meth_set_ctrl(method.get(), BIO_meth_get_ctrl(own));
  BIO_meth_set_create(method.get(), BIO_meth_get_create(own));
  BIO_meth_set_destroy(method.get(), BIO_meth_get_destroy(own));
  return method;
}

}  // namespace

BIO* make_socket_bio(int socket) {
  static const auto method = make_method();
  BIO* const bio = method ? BIO_new(method.get()) : nullptr;
  if (bio != nullptr) BIO_set_fd(bio, socket, BIO_NOCLOSE);
  return bio;
}

}  // namespace converge::http
