#include "journal/redact.h"

#include "journal/control.h"
#include "journal/owed.h"
#include "journal/upkeep.h"
#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/fault.h"
#include "src/base/text.h"

#include <fmt/format.h>

namespace converge::journal {
namespace {

/// Those of the subject's entries that are erased: a redaction's own reason stays.
constexpr const char* kConcerned =
    "select seq from entry where subject = ?1 and kind <> 15 and (?2 is null or definition in"
    " (select id from definition where name = ?2))";

void bind(SQLite::Statement& statement, const std::string& subject,
          const std::optional<std::string>& converger) {
  statement.bind(1, subject);
  if (converger) {
    statement.bind(2, *converger);
  }
}

void require_known(SQLite::Database& database, const std::string& subject,
                   const std::optional<std::string>& converger) {
  SQLite::Statement row(database, kConcerned);
  bind(row, subject, converger);
  if (row.executeStep()) {
    return;
  }
  throw Error(ErrorKind::usage,
              fmt::format("the journal has no entry of subject {}{}", printable(subject),
                          converger ? " by converger " + printable(*converger) : ""),
              "The key is what `converge journal` prints before the label; older entries may be in "
              "an archive, which has to be named with --journal.");
}

void require_settled(SQLite::Database& database, const std::string& subject) {
  SQLite::Statement row(database,
                        "select iif(kind = 3, seq, txn), kind = 3 from entry where subject = ?1"
                        " and iif(kind = 3, seq, txn) in (select seq from unsettled) limit 1");
  row.bind(1, subject);
  if (row.executeStep()) {
    throw Error(ErrorKind::usage,
                fmt::format("subject {} is in {} {}, which has no outcome yet", printable(subject),
                            row.getColumn(1).getInt() != 0 ? "attempt" : "transaction",
                            row.getColumn(0).getInt64()),
                "The next command that acts settles it; then try again.");
  }
}

/// The trigger as the file has it, dropped and made again around `body` in its transaction.
template <typename Body>
void without_update_trigger(SQLite::Database& database, const Body& body) {
  const auto trigger =
      database.execAndGet("select sql from sqlite_schema where name = 'entry_update'").getString();
  database.exec("drop trigger entry_update");
  body();
  database.exec(trigger);
}

std::int64_t erase(SQLite::Database& database, const std::string& subject,
                   const std::optional<std::string>& converger) {
  std::int64_t erased = 0;
  without_update_trigger(database, [&] {
    SQLite::Statement update(
        database, fmt::format("update entry set detail = null where detail is not null and seq in"
                              " ({})",
                              kConcerned));
    bind(update, subject, converger);
    erased = update.exec();
  });
  return erased;
}

}  // namespace

Redaction redact(const std::filesystem::path& file, const std::string& actor,
                 const std::string& subject, const std::optional<std::string>& converger,
                 const std::string& reason, std::chrono::milliseconds patience) {
  Upkeep upkeep(file, actor);
  const UpkeepLock lock(file);
  // Else the bytes would stay where they were, merely not referred to.
  upkeep.with_lock([](SQLite::Database& database) { database.exec("pragma secure_delete = on"); });
  Redaction done;
  upkeep.write([&](Writer& writer) {
    require_known(writer.database(), subject, converger);
    require_settled(writer.database(), subject);
    redact_quarantined(writer.database(), subject, converger);
    redact_outside(writer.database(), subject, converger);
    done.entries = erase(writer.database(), subject, converger);
    if (done.entries == 0) {
      return;
    }
    Entry entry{.kind = Kind::redact,
                .subject = subject,
                .count = done.entries,
                .detail = fmt::format(R"({{"reason":{}}})", json_string(reason))};
    if (converger) {
      entry.definition = DefinitionId{*converger, ""};
    }
    done.seq = writer.append(entry, wall_time_us());
  });
  fault_point("redact.before_checkpoint");
  done.gone = upkeep.truncate_wal(patience);
  return done;
}

}  // namespace converge::journal
