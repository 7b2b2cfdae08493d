#pragma once

#include "journal/entry.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace SQLite {
class Database;
}

namespace converge::journal {

/// Which release an update is about.
struct UpdateRelease {
  std::string channel;
  std::int64_t seq = 0;
  std::string commit;
  std::string sha256;  ///< Of the binary for this host; empty: there is none.
  std::string key;     ///< The id of the key that signed it.
};

/// Something that happened to the installed binary, or that a check found.
struct UpdateEvent {
  /// `available`, `installed`, `committed`, `rolled_back`, `quarantined`, `withdrawn`, `refused`,
  /// `trial`, `healthy` or `failing`; converge-journal(5) says what each means.
  std::string event;
  std::int64_t build = 0;  ///< It is about; 0: not known.
  std::int64_t from = 0;   ///< That was there before; 0: none, or a developer's.
  std::optional<UpdateRelease> release = {};
  std::string why = {};
};

/// The `update` entry that tells it.
Entry update_entry(const UpdateEvent& event);

/// What an update on a channel may not go below. It is state and not history, kept here beside the
/// file of the installation, so that neither alone is enough to have an old release accepted again.
struct UpdateSeen {
  std::int64_t seq = 0;    ///< The greatest number of a release manifest that was seen.
  std::int64_t build = 0;  ///< The greatest build that proved itself.

  friend bool operator==(const UpdateSeen&, const UpdateSeen&) = default;
};

// These neither lock nor begin a transaction, and throw `SQLite::Exception`; they are no part of a
// journal before schema 6.

std::map<std::string, UpdateSeen> read_update_seen(SQLite::Database& database);
/// Raises, and never lowers.
void raise_update_seen(SQLite::Database& database, const std::map<std::string, UpdateSeen>& seen);

}  // namespace converge::journal
