#include "journal/attempts.h"

#include "journal/detail.h"
#include "journal/stored_entry.h"
#include "src/base/clock.h"

#include <algorithm>
#include <map>
#include <utility>

namespace converge::journal {
namespace {

constexpr const char* kSettledByRecovery = R"({"settled_by":"recovery"})";

/// An attempt without an outcome entry.
struct Pending {
  Entry outcome;  ///< That it is given, but for how it ended.
  ProcessIdentity writer;
};

std::vector<Pending> read_pending(SQLite::Database& database) {
  std::vector<Pending> all;
  SQLite::Statement row(database,
                        "select e.seq, e.pass, d.name, d.version, e.subject, e.detail"
                        " from unsettled u join entry e on e.seq = u.seq"
                        " left join definition d on d.id = e.definition"
                        " where e.kind = 3 order by u.seq");
  while (row.executeStep()) {
    Entry outcome{.kind = Kind::outcome,
                  .pass = number_in(row.getColumn(1)),
                  .txn = row.getColumn(0).getInt64(),
                  .subject = text_in(row.getColumn(4))};
    if (!row.getColumn(2).isNull()) {
      outcome.definition = DefinitionId{row.getColumn(2).getString(), row.getColumn(3).getString()};
    }
    all.push_back({std::move(outcome), read_writer(row.getColumn(5).getString())});
  }
  return all;
}

}  // namespace

std::int64_t Attempts::begin(PassId& pass, const DefinitionId& definition, const Attempt& attempt,
                             bool for_found) {
  const auto mine = std::make_shared<Waiting>(pass, definition, attempt, for_found);
  std::unique_lock lock(mutex_);
  waiting_.push_back(mine);
  while (!mine->ended) {
    if (is_writing_) {
      mine->told.wait(lock);
      continue;
    }
    is_writing_ = true;
    lock.unlock();
    write_all();
    lock.lock();
    is_writing_ = false;
    if (!waiting_.empty()) waiting_.front()->told.notify_one();
  }
  if (mine->failure) std::rethrow_exception(mine->failure);
  return mine->seq;
}

/// Who waits is looked at only once the file is locked: the longer that takes, the more there are.
void Attempts::write_all() {
  std::vector<std::shared_ptr<Waiting>> taken;
  std::map<PassId*, std::int64_t> passes;
  std::exception_ptr failure;
  const auto take = [&] {
    const std::scoped_lock guard(mutex_);
    if (taken.empty()) taken.swap(waiting_);
  };
  const std::scoped_lock pass_guard(pass_mutex_);
  try {
    session_.write_pending([&](Writer& writer) {
      take();
      const auto now_us = wall_time_us();
      std::vector<std::int64_t> seqs;
      for (const auto& waiting : taken) {
        const auto fresh = waiting->pass.id != 0 ? waiting->pass.id : writer.next_seq();
        const auto pass = passes.try_emplace(&waiting->pass, fresh).first->second;
        waiting->seq = seqs.emplace_back(write_one(writer, *waiting, pass, now_us));
      }
      return seqs;
    });
    for (const auto& [pass, id] : passes) {
      if (pass->id == 0) pass->id = id;  // Others read it meanwhile, once it has a value.
    }
  } catch (...) {
    failure = std::current_exception();
    take();  // When it failed before: the same would happen to each of them.
  }
  {
    const std::scoped_lock guard(mutex_);
    for (const auto& waiting : taken) {
      waiting->failure = failure;
      waiting->ended = true;
    }
  }
  for (const auto& waiting : taken) waiting->told.notify_one();
}

std::int64_t Attempts::write_one(Writer& writer, const Waiting& waiting, std::int64_t pass,
                                 std::int64_t now_us) {
  const Attempt& attempt = waiting.attempt;
  if (waiting.for_found) {
    write_outside(session_.prepared(kWriteOutside), {.converger = waiting.definition.name,
                                                     .title = attempt.title,
                                                     .subject = attempt.subject,
                                                     .key = attempt.key,
                                                     .tried_us = now_us});
  }
  return writer.append({.kind = Kind::attempt,
                        .pass = pass,
                        .definition = waiting.definition,
                        .subject = attempt.subject,
                        .label = attempt.label,
                        .outcome = Outcome::pending,
                        .detail = attempt_detail(attempt, process_)},
                       now_us);
}

int Attempts::give_up(const std::function<bool(const ProcessIdentity&)>& is_dead) {
  const auto given_up = [&](SQLite::Database& database) {
    auto all = read_pending(database);
    std::erase_if(all, [&](const Pending& attempt) { return !is_dead(attempt.writer); });
    return all;
  };
  bool any = false;
  session_.read([&](SQLite::Database& database) { any = !given_up(database).empty(); });
  if (!any) return 0;
  int count = 0;
  session_.write([&](Writer& writer) {
    // Looked up again: another process may have done the same, or their outcomes were queued.
    for (Pending& attempt : given_up(writer.database())) {
      attempt.outcome.outcome = Outcome::unknown;
      attempt.outcome.detail = kSettledByRecovery;
      writer.append(attempt.outcome, wall_time_us());
      ++count;
    }
  });
  return count;
}

}  // namespace converge::journal
