#pragma once

#include "journal/journal.h"
#include "src/postgres/advisory_lock.h"
#include "src/postgres/session.h"

#include <chrono>
#include <functional>
#include <optional>
#include <string>

namespace converge::engine {

/// How `txn` ended, from the server itself; asks again while it is in progress there, and is
/// nullopt when it still is at the end of `patience`, or when this is another server. The server on
/// another timeline, one that no longer knows the id, or one that recovered from a crash since and
/// has it as committed (by us, or by whom it was given to) gives `unknown`. Throws when it cannot
/// ask.
std::optional<journal::Outcome> ask_outcome(postgres::Session& session, const journal::Txn& txn,
                                            std::chrono::milliseconds patience);

/// Settles each transaction in the journal that has no outcome and whose writer is dead. A live
/// writer's is left alone, and this process's own unless `own`, for when no pass of it runs. One of
/// another server stays pending until somebody connects to that server. A standby settles nothing.
/// Attempts of steps outside the database whose process died before the answer become `unknown`;
/// that step is carried out again, by the next pass, with the same key. `notice` is told of each
/// that could not be settled. Returns how many were. One process at a time does this; `locks` see
/// to it.
int recover(journal::Journal& journal, postgres::AdvisoryLocks& locks, postgres::Session& session,
            const std::function<void(const std::string&)>& notice, bool own = false);

/// Gives up the attempts of dead processes, as `recover` does, and returns how many.
int give_up_attempts(journal::Journal& journal);

/// Whether there are transactions of dead processes for `recover` to settle. Asks no server.
bool have_dead_left_any(journal::Journal& journal);

}  // namespace converge::engine
