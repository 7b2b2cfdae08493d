#include "src/engine/recovery.h"

#include "src/base/clock.h"
#include "src/base/fault.h"
#include "src/base/text.h"
#include "src/postgres/transaction.h"

#include <fmt/core.h>

#include <algorithm>
#include <thread>

namespace converge::engine {

namespace {

/// The server notices a dead client within half a second, and needs a moment to roll back.
constexpr std::chrono::milliseconds kPatience{10'000};

/// No converger's name: it has a blank.
const std::string kLockName = "journal recovery";

std::chrono::milliseconds time_left(Clock::time_point deadline) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
}

std::string describe(const journal::Unsettled& unsettled) {
  return fmt::format("transaction {} (journal entry {}, database {})", unsettled.txn.xid,
                     unsettled.seq, unsettled.txn.database);
}

}  // namespace

std::optional<journal::Outcome> ask_outcome(postgres::Session& session, const journal::Txn& txn,
                                            std::chrono::milliseconds patience) {
  if (session.server().in_recovery) {
    throw Error(ErrorKind::transient, session.server().place + " is a standby, in recovery", {},
                "25006");
  }
  const postgres::Server& server = session.server();
  if (server.system_identifier != txn.server.system_identifier) return std::nullopt;
  if (server.timeline != txn.server.timeline) return journal::Outcome::unknown;
  // An id that was lost in a crash is given to somebody else's transaction. One that was committed
  // never is: then what another incarnation says of the id is not about ours.
  const bool crashed = server.incarnation != txn.server.incarnation;
  const auto deadline = Clock::now() + patience;
  for (std::chrono::milliseconds pause(2);;
       pause = std::min(pause * 2, std::chrono::milliseconds(250))) {
    switch (postgres::xact_status(session, txn.xid)) {
      case postgres::XactStatus::committed:
        return crashed ? journal::Outcome::unknown : journal::Outcome::committed;
      case postgres::XactStatus::aborted:
        return journal::Outcome::rolled_back;
      case postgres::XactStatus::forgotten:
        return journal::Outcome::unknown;
      case postgres::XactStatus::not_yet_assigned:
        return crashed ? journal::Outcome::rolled_back : journal::Outcome::unknown;
      case postgres::XactStatus::in_progress:
        if (crashed) return journal::Outcome::rolled_back;
    }
    if (Clock::now() >= deadline) return std::nullopt;
    std::this_thread::sleep_for(pause);
  }
}

/// Nobody knows how they ended. What they were for is owed still, or found again.
int give_up_attempts(journal::Journal& journal) {
  return journal.give_up_attempts([](const ProcessIdentity& writer) { return !is_alive(writer); });
}

bool have_dead_left_any(journal::Journal& journal) {
  const auto unsettled = journal.unsettled();
  return std::any_of(unsettled.begin(), unsettled.end(),
                     [](const auto& one) { return !is_alive(one.writer); });
}

int recover(journal::Journal& journal, postgres::AdvisoryLocks& locks, postgres::Session& session,
            const std::function<void(const std::string&)>& notice, bool own) {
  give_up_attempts(journal);
  if (journal.unsettled().empty()) return 0;
  if (session.server().in_recovery) {
    notice(fmt::format("{} is a standby and does not know yet how transactions end",
                       session.server().place));
    return 0;
  }
  postgres::HeldLocks held(locks);
  if (!held.add(kLockName, kPatience)) {
    notice("another process is settling transactions of the journal");
    return 0;
  }
  const auto deadline = Clock::now() + kPatience;
  const ProcessIdentity self = this_process();
  int settled = 0;
  for (const journal::Unsettled& unsettled : journal.unsettled()) {
    if (unsettled.writer == self ? !own : is_alive(unsettled.writer)) continue;
    if (unsettled.txn.server.system_identifier != session.server().system_identifier) {
      notice(
          fmt::format("{} belongs to another server than {}; it stays pending until converge "
                      "connects to that one",
                      describe(unsettled), session.server().place));
      continue;
    }
    const auto outcome = ask_outcome(session, unsettled.txn, time_left(deadline));
    if (!outcome) {
      notice(fmt::format("{} is still in progress on the server; it is asked about again next time",
                         describe(unsettled)));
      continue;
    }
    fault_point("recovery.before_outcome");
    journal.append_outcome({unsettled.pass.value_or(0)},
                           unsettled.definition.value_or(journal::DefinitionId{}), unsettled.seq,
                           *outcome, R"({"settled_by":"recovery"})");
    ++settled;
  }
  if (settled > 0) {
    journal::PassId none;
    journal.append(none,
                   {.kind = journal::Kind::recovery,
                    .count = settled,
                    .detail = own ? R"({"reason":"transactions of this or a dead process settled"})"
                                  : R"({"reason":"transactions of a dead process settled"})"});
  }
  return settled;
}

}  // namespace converge::engine
