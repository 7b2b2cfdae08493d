#pragma once

#include "src/postgres/session.h"

#include <string>

namespace converge::postgres {

/// The user's connection string for libpq, with our settings where it has none. Throws
/// `Error{usage}` when libpq cannot read it; the message keeps its secrets.
std::string connection_string(const ConnectOptions& options);

/// Whether a connection string that libpq can read has a password in it.
bool has_password(const std::string& url);

/// The same server by the same user, but that database.
ConnectOptions with_database(const ConnectOptions& options, const std::string& database);

}  // namespace converge::postgres
