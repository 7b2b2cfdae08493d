#pragma once

#include "src/http/client.h"

#include <openssl/ssl.h>

#include <string>

namespace converge::http {

/// What is first in OpenSSL's queue of errors of this thread, which is left empty.
std::string tls_reason();

/// The certificate that a handshake stumbled over, which OpenSSL keeps nowhere.
class RefusedCertificate {
 public:
  explicit RefusedCertificate(SSL& session) { SSL_set_ex_data(&session, 0, this); }
  ~RefusedCertificate() { X509_free(certificate_); }
  RefusedCertificate(const RefusedCertificate&) = delete;
  RefusedCertificate& operator=(const RefusedCertificate&) = delete;

  X509* get() const { return certificate_; }

  /// For SSL_CTX_set_verify(3). Sessions without an object of this class are served as well.
  static int remember(int good, X509_STORE_CTX* verification);

 private:
  X509* certificate_ = nullptr;
};

/// Why a handshake with a server failed, for people.
HttpError handshake_trouble(const SSL& session, const RefusedCertificate& refused);

}  // namespace converge::http
