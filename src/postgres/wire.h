#pragma once

#include "src/postgres/session.h"

#include <string>

namespace converge::postgres {

/// How a connection reaches its server, as libpq knows it.
struct Wire {
  std::string host;      ///< Or the directory of a Unix socket.
  bool local = false;    ///< Over a Unix socket, or an address of the loopback network.
  std::string tls = {};  ///< The protocol, such as `TLSv1.3`; empty: without TLS.
  bool gss = false;      ///< Encrypted by GSSAPI.
  std::string sslmode;   ///< That is in force.
  bool pooled = false;   ///< Another process serves it than was announced, as poolers do.
};

/// Connects for a moment, and looks. Throws `Error{transient}` when it cannot connect.
Wire look_at_wire(const ConnectOptions& options);

}  // namespace converge::postgres
