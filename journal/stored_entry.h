#pragma once

#include "journal/reader.h"

#include <SQLiteCpp/SQLiteCpp.h>

namespace converge::journal {

/// `select ... from entry e ...`: what `entry_in` reads; a condition on `e` may follow.
extern const char* const kStoredEntry;

StoredEntry entry_in(SQLite::Statement& row);

}  // namespace converge::journal
