#pragma once

#include "journal/story.h"

#include <cstdint>
#include <string>
#include <vector>

namespace SQLite {
class Database;
}

namespace converge::journal {

/// ` and ...`: that an entry is of one of the convergers (names or globs); empty for all. Written
/// so that no index of definitions is used for it: the other condition is what finds the entries.
std::string condition_of(SQLite::Database& database, const std::vector<std::string>& convergers);

/// See `StoryReader::find`. The key is looked up in the index; its neighbours there are what is
/// alike. A label is read for, among `label_entries` of the newest entries, in windows.
FoundSubject find_subject(SQLite::Database& database, const StoryFilter& filter,
                          std::int64_t label_entries);

}  // namespace converge::journal
