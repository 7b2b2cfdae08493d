#pragma once

#include "src/cli/command.h"
#include "src/config/config.h"
#include "src/postgres/session.h"

#include <string>

namespace converge::cli {

/// Which database, at which server and as whom, in one line and without any password:
/// `database shop at db1:5432 as alice (PostgreSQL 15.4, cluster main)`.
std::string target_text(postgres::Session& session);

/// Tells on standard error, where that is a terminal and not with -q, which database is about to be
/// touched.
void tell_target(postgres::Session& session, const Common& common);

/// Whether a person sits there who can be asked: standard input and output are terminals.
bool is_interactive();

/// Asks the person whether `what` is to be done in the configured database, and returns when the
/// answer is `y` or `yes`. A database that does not answer is shown as that. Throws `Error{usage}`
/// for any other answer, and for Ctrl-C and the end of input: nothing is to be done then.
void ask_before(const std::string& what, const config::Config& config);

}  // namespace converge::cli
