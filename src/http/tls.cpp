#include "src/http/tls.h"

#include "src/http/client.h"
#include "src/http/socket_bio.h"
#include "src/http/tls_trouble.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <poll.h>

namespace converge::http {
namespace {

bool is_address(const std::string& host) {
  in6_addr address{};
  return inet_pton(AF_INET, host.c_str(), &address) == 1 ||
         inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

void expect_host(SSL& session, const std::string& host) {
  bool done = false;
  if (is_address(host)) {
    done = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(&session), host.c_str()) == 1;
  } else {
    SSL_set_hostflags(&session, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    // The last is SSL_set_tlsext_host_name, a macro with a cast in the style of C.
    done = SSL_set1_host(&session, host.c_str()) == 1 &&
           SSL_ctrl(&session, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                    const_cast<char*>(host.c_str())) == 1;
  }
  if (!done) throw HttpError(ErrorKind::usage, "the URL's host is no name");
}

}  // namespace

TlsContext make_tls_context(const std::optional<std::filesystem::path>& ca_file) {
  TlsContext context(SSL_CTX_new(TLS_client_method()));
  if (!context) throw HttpError(ErrorKind::failure, "TLS: " + tls_reason());
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, RefusedCertificate::remember);
  SSL_CTX_set_mode(context.get(),
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  ERR_clear_error();
  const bool loaded = ca_file ? SSL_CTX_load_verify_file(context.get(), ca_file->c_str()) == 1
                              : SSL_CTX_set_default_verify_paths(context.get()) == 1;
  if (!loaded) {
    const std::string what = ca_file ? ca_file->string() : "the system's authorities";
    throw HttpError(ErrorKind::usage, what + ": " + tls_reason(),
                    "The file has to hold certificates in PEM.");
  }
  return context;
}

TlsSession start_tls(SSL_CTX& context, int socket, const std::string& host,
                     const HttpDeadline& deadline) {
  TlsSession session(SSL_new(&context));
  BIO* const bio = session ? make_socket_bio(socket) : nullptr;
  if (bio == nullptr) throw HttpError(ErrorKind::failure, "TLS: " + tls_reason());
  SSL_set_bio(session.get(), bio, bio);
  expect_host(*session, host);
  const RefusedCertificate refused(*session);
  for (;;) {
    ERR_clear_error();
    const int result = SSL_connect(session.get());
    if (result == 1) break;
    const int error = SSL_get_error(session.get(), result);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
      throw handshake_trouble(*session, refused);
    }
    deadline.wait(socket, error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT);
  }
  SSL_set_ex_data(session.get(), 0, nullptr);
  return session;
}

}  // namespace converge::http
