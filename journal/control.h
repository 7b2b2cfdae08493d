#pragma once

#include "src/base/process.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace SQLite {
class Database;
}

namespace converge::journal {

class Writer;

/// A person stopped a converger, or all.
struct Pause {
  std::string converger;  ///< Empty: all.
  std::int64_t since_us = 0;
  std::int64_t until_us = 0;  ///< 0: until it is resumed.
  std::string actor = {};
  std::string reason = {};
};

/// A subject that keeps failing, or that is corrected again and again.
struct Quarantined {
  std::string converger;
  std::string subject;
  std::optional<std::string> label = {};
  std::int64_t failures = 0;
  std::int64_t since_us = 0;
  std::int64_t next_us = 0;  ///< It is not tried before.
  std::string row = {};      ///< The digest of the row that find returned.
  std::string message = {};
  std::string sqlstate = {};
  bool fight = false;  ///< It was corrected again and again.
};

/// The daemon of a journal.
struct Service {
  ProcessIdentity process = {};
  std::int64_t since_us = 0;
  std::string address = {};  ///< Of its status server, `HOST:PORT` or `unix:PATH`; empty: none.
};

/// The pause among `pauses` that stops a converger at that time: its own, else that of all.
std::optional<Pause> pause_in_force(const std::vector<Pause>& pauses, const std::string& converger,
                                    std::int64_t now_us);

// The tables of this state. Like those of journal/state.h these functions neither lock nor begin a
// transaction, and throw `SQLite::Exception`; they are no part of a journal before schema 3.

std::vector<Pause> read_pauses(SQLite::Database& database);
/// Appends the entry and keeps the state; see `Journal`.
void append_pause(Writer& writer, Pause pause);
bool append_resume(Writer& writer, const std::string& converger, const std::string& reason);

/// Of one converger, or of all: by converger, those first that are due first.
std::vector<Quarantined> read_quarantined(SQLite::Database& database,
                                          const std::optional<std::string>& converger = {});
void write_quarantined(SQLite::Database& database, const Quarantined& subject);
void delete_quarantined(SQLite::Database& database, const std::string& converger,
                        const std::vector<std::string>& subjects);
int append_retry(Writer& writer, const std::string& converger,
                 const std::optional<std::string>& subject);
/// Forgets what quarantine tells of a subject beside its key, which a redaction erases.
void redact_quarantined(SQLite::Database& database, const std::string& subject,
                        const std::optional<std::string>& converger);

std::optional<Service> read_service(SQLite::Database& database);
void write_service(SQLite::Database& database, const Service& service);
void delete_service(SQLite::Database& database, const ProcessIdentity& process);

}  // namespace converge::journal
