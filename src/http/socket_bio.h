#pragma once

#include <openssl/bio.h>

namespace converge::http {

/// Lets OpenSSL read and write a non-blocking socket that stays the caller's. OpenSSL's own writes
/// with write(2), which raises SIGPIPE where the peer has gone. Null without memory.
BIO* make_socket_bio(int socket);

}  // namespace converge::http
