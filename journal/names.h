#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <string>
#include <unordered_map>

namespace converge::journal {

/// A row of a dictionary, as the hashes of entries cover it.
struct Name {
  std::string text;
  std::int64_t build = 0;    ///< Of an actor.
  std::string version = {};  ///< Of a definition.
  std::string defect = {};   ///< Why it is not what it claims to be, or empty.
};

/// By number.
using Dictionary = std::unordered_map<std::int64_t, Name>;

/// The dictionaries of a journal, with their defects found: a kind or an outcome whose number means
/// another name to converge, a definition whose text has not the digest that is its version.
struct Names {
  Dictionary kinds;
  Dictionary outcomes;
  Dictionary actors;
  Dictionary definitions;
};

/// Dictionaries only grow with the log, so these are all names of the entries up to any head that
/// was read before. Throws `SQLite::Exception`.
Names read_names(SQLite::Database& database);

}  // namespace converge::journal
