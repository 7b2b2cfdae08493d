#include "journal/journal_implementation.h"
#include "src/base/clock.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <utility>

namespace converge::journal {

std::int64_t Journal::begin_attempt(PassId& pass, const DefinitionId& definition,
                                    const Attempt& attempt, bool for_found) {
  return implementation_->attempts_.begin(pass, definition, attempt, for_found);
}

void Journal::end_attempt(PassId pass, const DefinitionId& definition, std::int64_t seq,
                          Outcome outcome, std::string detail, const Attempt& attempt,
                          AttemptState state) {
  implementation_->session_.queue_outcome(
      {.time_us = wall_time_us(),
       .entry = {.kind = Kind::outcome,
                 .pass = pass.id != 0 ? std::optional(pass.id) : std::nullopt,
                 .definition = definition,
                 .txn = seq,
                 .subject = attempt.subject,  // So that a redaction of it meets the answer as well.
                 .outcome = outcome,
                 .detail = std::move(detail)},
       .end = {.state = state, .title = attempt.title, .key = attempt.key}});
}

int Journal::give_up_attempts(const std::function<bool(const ProcessIdentity&)>& is_dead) {
  return implementation_->attempts_.give_up(is_dead);
}

std::vector<Owed> Journal::owed(const std::string& converger, const OwedPage& page) {
  auto& session = implementation_->session_;
  session.flush(false);  // An attempt that ended and is not called so yet would be repeated.
  std::vector<Owed> all;
  session.read([&](SQLite::Database& database) {
    all = read_owed(database, converger, page,
                    [&](std::int64_t txn) { return session.queued_outcome(txn); });
  });
  return all;
}

std::vector<std::string> Journal::owed_among(const std::string& converger,
                                             const std::vector<std::string>& subjects) {
  auto& session = implementation_->session_;
  std::vector<std::string> owed;
  session.read([&](SQLite::Database& database) {
    owed = read_owed_among(database, converger, subjects,
                           [&](std::int64_t txn) { return session.queued_outcome(txn); });
  });
  return owed;
}

void Journal::advance_owed(const std::vector<std::string>& keys, std::int64_t step) {
  if (keys.empty()) return;
  implementation_->session_.write(
      [&](Writer& writer) { update_owed(writer.database(), keys, step); });
}

void Journal::drop_owed(const std::vector<std::string>& keys) {
  if (keys.empty()) return;
  implementation_->session_.write([&](Writer& writer) { delete_owed(writer.database(), keys); });
}

std::vector<std::optional<LastOutside>> Journal::last_outside(
    const std::string& converger, const std::string& title,
    const std::vector<std::string>& subjects) {
  auto& session = implementation_->session_;
  session.flush(false);
  std::vector<std::optional<LastOutside>> all;
  session.read([&](SQLite::Database&) {
    all = read_outside(session.prepared(kSelectOutside), converger, title, subjects);
  });
  return all;
}

void Journal::forget_outside(const std::string& converger,
                             const std::vector<std::string>& subjects) {
  bool any = false;
  auto& session = implementation_->session_;
  session.read(
      [&](SQLite::Database& database) { any = has_outside_of(database, converger, subjects); });
  if (!any) return;
  session.write([&](Writer& writer) { delete_outside_of(writer.database(), converger, subjects); });
}

void Journal::purge_outside(const std::string& converger, const std::string& title,
                            std::int64_t before_us, std::int64_t failed_us) {
  bool any = false;
  auto& session = implementation_->session_;
  session.read([&](SQLite::Database& database) {
    any = has_outside_before(database, converger, title, before_us, failed_us);
  });
  if (!any) return;
  session.write([&](Writer& writer) {
    delete_outside_before(writer.database(), converger, title, before_us, failed_us);
  });
}

}  // namespace converge::journal
