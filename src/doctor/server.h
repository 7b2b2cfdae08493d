#pragma once

#include "src/config/config.h"
#include "src/doctor/finding.h"
#include "src/postgres/session.h"
#include "src/postgres/wire.h"

namespace converge::doctor {

// Checks of a server that answers. Each asks over a session that nobody else uses, changes nothing,
// and throws `Error` as a session does.

/// Whether it can be written to: no standby, no read-only transactions.
Findings check_server(postgres::Session& session);

/// Whether others can listen on the way, or answer in its place.
Finding judge_wire(const postgres::Wire& wire);

/// Whether a session is one, or a pooler gives each transaction another: then locks, prepared
/// statements, settings and LISTEN are lost between two statements. Opens a second connection.
/// `pooled`: there is a pooler in between.
Findings check_pooling(postgres::Session& session, const postgres::ConnectOptions& options,
                       bool pooled);

/// Whether a NOTIFY reaches who listens. `listens`: some converger does.
Findings check_listen(postgres::Session& session, bool listens);

/// Whether a daemon would get all connections that it uses.
Findings check_connections(postgres::Session& session, const config::Config& config);

/// How far the clocks of this host and the server are apart.
Findings check_clock(postgres::Session& session);

/// What is to be said of a clock that is so far behind this host's, as measured to within
/// `doubt_ms`.
Finding judge_clock(const std::string& whose, double behind_ms, double doubt_ms);

}  // namespace converge::doctor
