#include "journal/health.h"

#include "journal/database.h"
#include "journal/reading.h"
#include "src/base/clock.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>

#include <string_view>

namespace converge::journal {

namespace {

/// Steps of SQLite's machine between two looks at the clock.
constexpr int kStepsAtOnce = 10'000;

constexpr const char* kUnknown = R"sql(
select count(*), coalesce(min(s.txn), 0) from entry s join entry t on t.seq = s.txn
where s.kind = 4 and s.outcome > 2 and s.outcome = 5 and t.kind = 1 and not exists (
  select 1 from entry o where o.kind = 4 and o.txn = s.txn and o.outcome <> 5))sql";

/// Interrupts what SQLite does once the time is over.
class Deadline {
 public:
  Deadline(SQLite::Database& database, std::chrono::milliseconds patience)
      : database_(database), end_(Clock::now() + patience) {
    sqlite3_progress_handler(
        database_.getHandle(), kStepsAtOnce,
        [](void* self) { return Clock::now() < static_cast<Deadline*>(self)->end_ ? 0 : 1; }, this);
  }
  ~Deadline() { sqlite3_progress_handler(database_.getHandle(), 0, nullptr, nullptr); }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

 private:
  SQLite::Database& database_;
  const Clock::time_point end_;
};

void check_quickly(SQLite::Database& database, std::chrono::milliseconds patience, Health& health) {
  const Deadline deadline(database, patience);
  try {
    const std::string said = database.execAndGet("pragma quick_check(1)").getString();
    if (said != "ok") health.damage = said;
  } catch (const SQLite::Exception& error) {
    if (error.getErrorCode() != SQLITE_INTERRUPT) throw;
    health.looked_at_all = false;
  }
}

}  // namespace

Health look_at(const std::filesystem::path& file, std::chrono::milliseconds patience) {
  const auto opened = open_for_reading(file);
  return reading(file, *opened, [&](SQLite::Database& database) {
    Health health;
    check_quickly(database, patience, health);
    if (!health.damage.empty()) return health;
    health.entries = database.execAndGet("select head_seq - pruned_seq from chain").getInt64();
    // Beside those that are unsettled, by their entries alone: journals of any schema have these.
    SQLite::Statement unknown(database, kUnknown);
    unknown.executeStep();
    health.unknown = unknown.getColumn(0).getInt64();
    health.first_unknown = unknown.getColumn(1).getInt64();
    health.unsettled = database.execAndGet("select count(*) from unsettled").getInt64();
    return health;
  });
}

}  // namespace converge::journal
