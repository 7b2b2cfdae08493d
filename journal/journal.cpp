#include "journal/journal.h"

#include "journal/control.h"
#include "journal/detail.h"
#include "journal/journal_implementation.h"
#include "journal/key.h"
#include "journal/repeats.h"
#include "journal/state.h"
#include "journal/writer.h"
#include "src/base/clock.h"
#include "src/base/error.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>

namespace converge::journal {
namespace {

constexpr const char* kIsAnyStanding =
    "select exists (select 1 from pause), exists (select 1 from hold where converger = ?1),"
    " exists (select 1 from quarantine where converger = ?1),"
    " exists (select 1 from owed where converger = ?1)";

Error not_held(const std::string& converger) {
  return {ErrorKind::usage, fmt::format("converger {} is not held", converger),
          "`converge list` shows what is."};
}

/// `entry` is that of the inconsistency.
Owed owed_by(const Inconsistency& found, const Entry& entry) {
  return {.key = found.planned->key,
          .converger = entry.definition->name,
          .version = entry.definition->version,
          .subject = found.subject,
          .label = found.label,
          .row = found.planned->row,
          .step = found.planned->step,
          .txn = *entry.txn,
          .pass = *entry.pass};
}

void require_held(const std::optional<HeldDefinition>& held, const std::string& converger,
                  const std::optional<std::string>& digest) {
  if (!held || (held->hold.released && held->hold.released_digest == digest.value_or(""))) {
    throw not_held(converger);
  }
  if (digest && *digest != held->hold.digest) {
    throw Error(
        ErrorKind::usage,
        fmt::format("converger {} is held for the set {}, not for {}", converger, held->hold.digest,
                    *digest),
        fmt::format("The set has changed: look at it again with `converge plan {}`.", converger));
  }
}

}  // namespace

std::int64_t Journal::Implementation::append(PassId& pass, Entry entry,
                                             const std::function<void(SQLite::Database&)>& also) {
  const std::scoped_lock guard(pass_mutex_);
  std::int64_t seq = 0;
  session_.write([&](Writer& writer) {
    seq = writer.next_seq();
    if (!entry.pass) {
      entry.pass = pass.id != 0 ? pass.id : seq;
    }
    writer.append(entry, wall_time_us());
    if (also) also(writer.database());
  });
  if (pass.id == 0) {
    pass.id = *entry.pass;
  }
  return seq;
}

Journal::Journal(std::filesystem::path file, std::string actor,
                 std::function<void(const std::string&)> notice)
    : implementation_(
          std::make_unique<Implementation>(std::move(file), std::move(actor), std::move(notice))) {}

Journal::~Journal() = default;

void Journal::register_definition(const DefinitionId& id, const std::string& text) {
  implementation_->session_.register_definition(id, text);
}

std::int64_t Journal::append_pending(PassId& pass, const DefinitionId& definition, const Txn& txn,
                                     const NextInconsistency& next) {
  Entry begin{.kind = Kind::txn,
              .definition = definition,
              .outcome = Outcome::pending,
              .detail = txn_detail(txn, implementation_->process_)};
  Entry entry{.kind = Kind::inconsistency, .definition = definition, .outcome = Outcome::pending};
  std::int64_t seq = 0;
  const std::scoped_lock guard(implementation_->pass_mutex_);
  implementation_->session_.write_pending([&](Writer& writer) {
    const auto now_us = wall_time_us();
    seq = writer.next_seq();
    entry.pass = pass.id != 0 ? pass.id : seq;
    entry.txn = seq;
    begin.pass = entry.pass;
    writer.append(begin, now_us);
    while (const Inconsistency* found = next()) {
      // Assigned and not made anew, so that an entry costs no allocation.
      entry.subject = found->subject;
      entry.label = found->label;
      entry.count = found->count;
      entry.detail = found->detail;
      writer.append_with_others(entry, now_us);
      if (found->planned) {
        insert_owed(implementation_->session_.prepared(kInsertOwed), owed_by(*found, entry));
      }
    }
    return std::vector{seq};
  });
  if (pass.id == 0) pass.id = *entry.pass;  // Others read it meanwhile, once it has a value.
  return seq;
}

void Journal::append_outcome(PassId pass, const DefinitionId& definition, std::int64_t txn,
                             Outcome outcome, std::optional<std::string> detail) {
  implementation_->session_.queue_outcome(
      {.time_us = wall_time_us(),
       .entry = {.kind = Kind::outcome,
                 .pass = pass.id != 0 ? std::optional(pass.id) : std::nullopt,
                 .definition = definition,
                 .txn = txn,
                 .outcome = outcome,
                 .detail = std::move(detail)}});
}

std::int64_t Journal::append(PassId& pass, Entry entry) {
  return implementation_->append(pass, std::move(entry));
}

void Journal::time_writes(std::function<void(std::chrono::microseconds)> told) {
  implementation_->session_.time_writes(std::move(told));
}

void Journal::flush() { implementation_->session_.flush(); }

std::vector<Unsettled> Journal::unsettled() {
  auto& session = implementation_->session_;
  std::vector<Unsettled> all;
  session.read([&](SQLite::Database& database) { all = read_unsettled(database); });
  std::erase_if(all,
                [&](const Unsettled& one) { return session.queued_outcome(one.seq).has_value(); });
  return all;
}

void Journal::note_pass(const LastPass& last) { implementation_->session_.queue_pass(last); }

std::optional<Hold> Journal::hold(const std::string& converger) {
  std::optional<HeldDefinition> held;
  implementation_->session_.read(
      [&](SQLite::Database& database) { held = read_hold(database, converger); });
  return held ? std::optional(held->hold) : std::nullopt;
}

void Journal::put_hold(PassId& pass, const DefinitionId& definition, const Hold& hold,
                       const std::string& detail) {
  HeldDefinition held{.hold = hold, .definition = definition};
  held.hold.released = false;
  held.hold.released_digest.clear();
  Entry entry{.kind = Kind::hold,
              .definition = definition,
              .count = hold.inconsistencies,
              .detail = hold_detail(hold, detail)};
  const std::scoped_lock guard(implementation_->pass_mutex_);
  auto pass_id = pass.id;
  implementation_->session_.write([&](Writer& writer) {
    const auto old = read_hold(writer.database(), hold.converger);
    if (old && old->hold.digest == hold.digest && !old->hold.released) {
      return;
    }
    const auto now_us = wall_time_us();
    held.hold.since_us = hold.since_us != 0 ? hold.since_us : now_us;
    pass_id = pass_id != 0 ? pass_id : writer.next_seq();
    entry.pass = pass_id;
    writer.append(entry, now_us);
    write_hold(writer.database(), held);
  });
  if (pass.id == 0) pass.id = pass_id;
}

void Journal::release(const std::string& converger, const std::optional<std::string>& digest) {
  implementation_->session_.write([&](Writer& writer) {
    auto held = read_hold(writer.database(), converger);
    require_held(held, converger, digest);
    held->hold.released = true;
    held->hold.released_digest = digest.value_or("");
    writer.append({.kind = Kind::release,
                   .pass = writer.next_seq(),
                   .definition = held->definition,
                   .count = held->hold.inconsistencies,
                   .detail = hold_detail(held->hold, "")},
                  wall_time_us());
    write_hold(writer.database(), *held);
  });
}

void Journal::drop_hold(const std::string& converger) {
  if (!hold(converger)) {
    return;  // The common case, at every pass within its limit, costs no fsync.
  }
  implementation_->session_.write(
      [&](Writer& writer) { delete_hold(writer.database(), converger); });
}

std::vector<bool> Journal::settled(const std::string& converger,
                                   const std::vector<std::string>& subjects, std::int64_t settle_us,
                                   std::int64_t mark) {
  std::vector<bool> all(subjects.size(), true);
  if (settle_us <= 0 || subjects.empty()) {
    return all;
  }
  std::vector<bool> settled;
  implementation_->session_.write([&](Writer& writer) {
    settled =
        note_settling(writer.database(), converger, subjects, settle_us, mark, wall_time_us());
  });
  return settled;
}

std::optional<std::int64_t> Journal::next_settled_us(const std::string& converger,
                                                     std::int64_t settle_us) {
  std::optional<std::int64_t> first;
  implementation_->session_.read([&](SQLite::Database& database) {
    first = read_first_settling(database, converger, settle_us, wall_time_us());
  });
  return first ? std::optional(*first + settle_us) : std::nullopt;
}

void Journal::forget_settling(const std::string& converger, std::int64_t mark) {
  bool any = false;
  auto& session = implementation_->session_;
  session.read(
      [&](SQLite::Database& database) { any = has_unmarked_settling(database, converger, mark); });
  if (any) {
    session.write(
        [&](Writer& writer) { delete_unmarked_settling(writer.database(), converger, mark); });
  }
}

void Journal::pause(const Pause& pause) {
  Pause wanted = pause;
  if (wanted.actor.empty()) wanted.actor = implementation_->actor_;
  implementation_->session_.write([&](Writer& writer) { append_pause(writer, wanted); });
}

bool Journal::resume(const std::string& converger, const std::string& reason) {
  bool resumed = false;
  implementation_->session_.write(
      [&](Writer& writer) { resumed = append_resume(writer, converger, reason); });
  return resumed;
}

Standing Journal::standing(const std::string& converger) {
  Standing standing;
  implementation_->session_.read([&](SQLite::Database& database) {
    SQLite::Statement& is_any = implementation_->session_.prepared(kIsAnyStanding);
    is_any.bind(1, converger);
    is_any.executeStep();
    const bool is_paused = is_any.getColumn(0).getInt() != 0;
    const bool is_held = is_any.getColumn(1).getInt() != 0;
    const bool is_quarantined = is_any.getColumn(2).getInt() != 0;
    standing.owes = is_any.getColumn(3).getInt() != 0;
    is_any.reset();  // Until then it keeps its view of the file.
    if (is_paused) {
      standing.pause = pause_in_force(read_pauses(database), converger, wall_time_us());
    }
    if (is_held) {
      if (const auto held = read_hold(database, converger)) standing.hold = held->hold;
    }
    if (is_quarantined) {
      standing.quarantined = read_quarantined(database, converger);
    }
  });
  return standing;
}

void Journal::quarantine(PassId& pass, Entry entry, const Quarantined& subject) {
  implementation_->append(pass, std::move(entry), [&](SQLite::Database& database) {
    write_quarantined(database, subject);
  });
}

void Journal::free(const std::string& converger, const std::vector<std::string>& subjects) {
  if (subjects.empty() || quarantined(converger).empty()) return;
  implementation_->session_.write(
      [&](Writer& writer) { delete_quarantined(writer.database(), converger, subjects); });
}

int Journal::retry(const std::string& converger, const std::optional<std::string>& subject) {
  int subjects = 0;
  implementation_->session_.write(
      [&](Writer& writer) { subjects = append_retry(writer, converger, subject); });
  return subjects;
}

std::vector<Quarantined> Journal::quarantined(const std::string& converger) {
  std::vector<Quarantined> all;
  implementation_->session_.read(
      [&](SQLite::Database& database) { all = read_quarantined(database, converger); });
  return all;
}

std::vector<std::string> Journal::in_a_row(const std::string& converger, int passes) {
  std::vector<std::string> subjects;
  implementation_->session_.read([&](SQLite::Database& database) {
    subjects = corrected_in_each(database, converger, passes);
  });
  return subjects;
}

int Journal::count_corrections(const std::string& converger, const std::string& subject,
                               std::int64_t since_us, int enough) {
  int times = 0;
  auto& session = implementation_->session_;
  session.read([&](SQLite::Database&) {
    times = journal::count_corrections(session.prepared(kSelectCorrections), converger, subject,
                                       since_us, enough);
  });
  return times;
}

std::int64_t Journal::streak(const std::string& converger) {
  std::int64_t streak = 0;
  implementation_->session_.read(
      [&](SQLite::Database& database) { streak = read_streak(database, converger); });
  return streak;
}

std::vector<std::string> Journal::corrected_beside(const std::string& converger,
                                                   const std::string& subject,
                                                   const std::string& label, int passes) {
  std::vector<std::string> names;
  implementation_->session_.read([&](SQLite::Database& database) {
    names = journal::corrected_beside(database, converger, subject, label, passes);
  });
  return names;
}

void Journal::begin_service(const Service& service) {
  Service mine = service;
  mine.process = implementation_->process_;
  implementation_->session_.write([&](Writer& writer) { write_service(writer.database(), mine); });
}

void Journal::end_service() {
  implementation_->session_.write(
      [&](Writer& writer) { delete_service(writer.database(), implementation_->process_); });
}

std::string Journal::redaction_key() {
  const FileLock lock(implementation_->file_);
  return load_or_make_key(implementation_->file_.string() + ".key");
}

}  // namespace converge::journal
