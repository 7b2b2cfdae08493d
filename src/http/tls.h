#pragma once

#include "src/http/deadline.h"

#include <openssl/ssl.h>

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace converge::http {

struct TlsContextEnd {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
struct TlsSessionEnd {
  void operator()(SSL* session) const { SSL_free(session); }
};
using TlsContext = std::unique_ptr<SSL_CTX, TlsContextEnd>;
using TlsSession = std::unique_ptr<SSL, TlsSessionEnd>;

/// TLS 1.2 or newer, peers verified against the system's authorities, or against `ca_file` alone.
/// Throws `HttpError{usage}` for a file that has none.
TlsContext make_tls_context(const std::optional<std::filesystem::path>& ca_file);

/// Shakes hands over a connected, non-blocking socket with a server that has to prove to be `host`,
/// a name or an address. Never raises SIGPIPE. Throws `HttpError`: a certificate that has expired,
/// is for another name, self-signed, or of an unknown authority has its own message and hint.
TlsSession start_tls(SSL_CTX& context, int socket, const std::string& host,
                     const HttpDeadline& deadline);

}  // namespace converge::http
