#pragma once

#include "journal/entry.h"
#include "journal/journal.h"

#include <string>
#include <vector>

namespace converge::journal {

/// The detail of a `txn` entry: which transaction of which server, and which process writes it.
///
///     {"xid":"734","system_identifier":"7298...","timeline":1,"database":"prod",
///      "pid":4711,"started":123456,"boot_id":"..."}
///
/// The two wide unsigned numbers are strings, because JSON's numbers are doubles to many readers.
std::string txn_detail(const Txn& txn, const ProcessIdentity& writer);

/// Reads it back into `txn` and `writer`. What is not there or not readable stays empty: such a
/// transaction belongs to no server and no process, so recovery calls its outcome unknown.
void read_txn_detail(const std::string& detail, Unsettled& unsettled);

/// The detail of an `attempt` entry: `{"title","request","key"}` and the process that makes it, as
/// in `txn_detail`; without `request` where that is empty.
std::string attempt_detail(const Attempt& attempt, const ProcessIdentity& writer);

/// The process that a `txn` or an `attempt` entry names; one that never was where it names none.
ProcessIdentity read_writer(const std::string& detail);

/// The keys in `[{"title","key"},...]`, which stand in the detail of an inconsistency; none where
/// it is something else.
std::vector<std::string> planned_keys(const std::string& planned);

/// The detail of a `hold` or `release` entry: `extra` (a JSON object, or empty) with the digest and
/// the number that is allowed added. Throws `Error{failure}` when `extra` is no JSON object.
std::string hold_detail(const Hold& hold, const std::string& extra);

}  // namespace converge::journal
