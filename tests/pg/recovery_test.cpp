#include "src/engine/recovery.h"

#include "src/base/digest.h"
#include "src/postgres/advisory_lock.h"
#include "src/postgres/transaction.h"
#include "tests/pg/fixture.h"

#include <boost/test/unit_test.hpp>

#include <array>
#include <csignal>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

namespace converge::tests {
namespace {

using journal::Outcome;

const std::string kText = "-- find:\nselect id from account;\n";

journal::DefinitionId definition() { return {"archive", hex(sha256(kText))}; }

/// A process that writes to the world's journal, and is killed.
class Writer {
 public:
  explicit Writer(const std::function<void(Writer&)>& body) {
    BOOST_REQUIRE(::pipe(told_.data()) == 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      try {
        body(*this);
      } catch (...) {
        _exit(1);
      }
      tell();
      ::pause();
      _exit(0);
    }
    ::close(told_[1]);
  }
  ~Writer() { kill(); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// Waits until the child has done what it was to do.
  void wait() const {
    char byte = 0;
    BOOST_REQUIRE(::read(told_[0], &byte, 1) == 1);
  }
  void kill() {
    if (pid_ == 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    ::close(told_[0]);
    pid_ = 0;
  }

 private:
  void tell() const { (void)!::write(told_[1], "!", 1); }

  std::array<int, 2> told_{};
  pid_t pid_ = -1;
};

struct RecoveryWorld : World {
  /// Appends the record of a transaction that archives cluster 1, as the process that calls.
  void append(const journal::Txn& txn) const {
    journal::Journal own(journal_file, "victim", [](const auto&) {});
    own.register_definition(definition(), kText);
    journal::PassId pass;
    const journal::Inconsistency record{.subject = "1", .count = 1, .detail = R"({"steps":[]})"};
    const journal::Inconsistency* next = &record;
    own.append_pending(pass, definition(), txn, [&] { return std::exchange(next, nullptr); });
  }
  static journal::Txn txn_of(postgres::Session& session, const std::string& xid) {
    const auto& server = session.server();
    return {.xid = xid,
            .server = {server.system_identifier, server.timeline, server.incarnation},
            .database = server.database};
  }
  /// A process that has changed and recorded, and committed if asked to; dead.
  void die_in_transaction(bool committed) const {
    Writer writer([&](Writer&) {
      auto session = new postgres::Session(connect_options());  // Killed with it.
      auto transaction = new postgres::Transaction(*session);
      transaction->execute("update cluster set archived_at = now() where id = 1");
      append(txn_of(*session, transaction->xid()));
      if (committed) transaction->commit();
    });
    writer.wait();
    writer.kill();
  }
  /// The record of a dead process for a transaction of this process or of nobody.
  void append_dead(const journal::Txn& txn) const {
    Writer writer([&](Writer&) { append(txn); });
    writer.wait();
    writer.kill();
  }
  int recover(bool own = false) {
    postgres::Session session(connect_options());
    postgres::AdvisoryLocks locks(session);
    return engine::recover(
        journal, locks, session, [this](const auto& text) { notices.push_back(text); }, own);
  }
  std::string outcomes() const {
    return journaled("select group_concat(outcome) from inconsistency");
  }
};

BOOST_FIXTURE_TEST_SUITE(recovery, RecoveryWorld)

BOOST_AUTO_TEST_CASE(killed_before_commit_is_rolled_back) {
  archived_accounts(1);
  die_in_transaction(false);
  BOOST_TEST(outcomes() == "pending");
  BOOST_TEST(recover() == 1);
  BOOST_TEST(outcomes() == "rolled_back");
  BOOST_TEST(count("cluster where archived_at is not null") == 0);
  BOOST_TEST(kinds() == "txn inconsistency outcome recovery");
  BOOST_TEST(recover() == 0);
  BOOST_TEST(entries().size() == 4u);
}

BOOST_AUTO_TEST_CASE(killed_after_commit_is_committed) {
  archived_accounts(1);
  die_in_transaction(true);
  BOOST_TEST(outcomes() == "pending");
  BOOST_TEST(recover() == 1);
  BOOST_TEST(outcomes() == "committed");
  BOOST_TEST(count("cluster where archived_at is not null") == 1);
}

BOOST_AUTO_TEST_CASE(several_records_are_settled_each_by_its_own_transaction) {
  archived_accounts(1);
  die_in_transaction(false);
  die_in_transaction(true);
  die_in_transaction(false);
  BOOST_TEST(recover() == 3);
  BOOST_TEST(outcomes() == "rolled_back,committed,rolled_back");
  BOOST_TEST(journaled("select count from entry where kind = 12") == "3");
}

BOOST_AUTO_TEST_CASE(record_of_a_live_writer_is_left_alone) {
  archived_accounts(1);
  Writer writer([&](Writer&) {
    postgres::Session session(connect_options());
    append(
        txn_of(session,
               session.execute("select pg_current_xact_id()::text").at(0, 0).value_or("").data()));
  });
  writer.wait();
  BOOST_TEST(recover() == 0);
  BOOST_TEST(outcomes() == "pending");
  BOOST_TEST(notices.empty());
  writer.kill();
  BOOST_TEST(recover() == 1);
  BOOST_TEST(outcomes() == "committed");
}

BOOST_AUTO_TEST_CASE(record_of_this_process_is_settled_when_that_is_asked_for) {
  archived_accounts(1);
  postgres::Session session(connect_options());
  append(txn_of(
      session,
      std::string(session.execute("select pg_current_xact_id()::text").at(0, 0).value_or(""))));
  BOOST_TEST(recover() == 0);
  BOOST_TEST(outcomes() == "pending");
  BOOST_TEST(recover(true) == 1);
  BOOST_TEST(outcomes() == "committed");
}

BOOST_AUTO_TEST_CASE(transaction_in_progress_is_asked_about_until_it_ends) {
  for (const bool committed : {true, false}) {
    RecoveryWorld world;
    world.archived_accounts(1);
    postgres::Session session(world.connect_options());
    postgres::Transaction transaction(session);
    transaction.execute("update cluster set archived_at = now()");
    world.append_dead(txn_of(session, transaction.xid()));
    int settled = 0;
    std::jthread recovering([&] { settled = world.recover(); });
    wait_until("the question", [&] {
      return world.count(
                 "pg_stat_activity where datname = current_database() and "
                 "query like '%pg_xact_status%' and pid <> pg_backend_pid()") == 1;
    });
    BOOST_TEST(world.outcomes() == "pending");
    if (committed) transaction.commit();
    if (!committed) transaction.rollback();
    recovering.join();
    BOOST_TEST(settled == 1);
    BOOST_TEST(world.outcomes() == (committed ? "committed" : "rolled_back"));
  }
}

BOOST_AUTO_TEST_CASE(transaction_that_stays_in_progress_has_no_outcome_yet) {
  postgres::Session session(connect_options());
  postgres::Transaction transaction(session);
  const auto txn = txn_of(session, transaction.xid());
  postgres::Session asking(connect_options());
  BOOST_TEST(!engine::ask_outcome(asking, txn, std::chrono::milliseconds(20)).has_value());
}

BOOST_AUTO_TEST_CASE(other_timeline_is_unknown) {
  postgres::Session session(connect_options());
  auto txn = txn_of(
      session,
      std::string(session.execute("select pg_current_xact_id()::text").at(0, 0).value_or("")));
  txn.server.timeline += 1;
  append_dead(txn);
  BOOST_TEST(recover() == 1);
  BOOST_TEST(outcomes() == "unknown");
}

BOOST_AUTO_TEST_CASE(transaction_of_the_future_is_unknown) {
  postgres::Session session(connect_options());
  append_dead(txn_of(session, "4000000000000"));
  BOOST_TEST(recover() == 1);
  BOOST_TEST(outcomes() == "unknown");
}

BOOST_AUTO_TEST_CASE(crash_of_the_server_undoes_what_was_not_committed) {
  archived_accounts(1);
  die_in_transaction(false);
  cluster.restart(PostgresCluster::StopMode::immediate);
  BOOST_TEST(recover() == 1);
  BOOST_TEST(outcomes() == "rolled_back");
}

// After a crash an id that was lost is given to somebody else's transaction.
BOOST_AUTO_TEST_CASE(id_from_before_a_crash_says_nothing_of_a_commit_since) {
  archived_accounts(1);
  die_in_transaction(true);
  cluster.restart(PostgresCluster::StopMode::immediate);
  BOOST_TEST(recover() == 1);
  BOOST_TEST(outcomes() == "unknown");
}

BOOST_AUTO_TEST_CASE(clean_restart_of_the_server_keeps_the_answer) {
  archived_accounts(1);
  die_in_transaction(true);
  cluster.restart();
  BOOST_TEST(recover() == 1);
  BOOST_TEST(outcomes() == "committed");
}

BOOST_AUTO_TEST_CASE(record_of_another_server_waits_for_that_server) {
  postgres::Session session(connect_options());
  auto txn = txn_of(session, "750");
  txn.server.system_identifier = "7298000000000000000";
  append_dead(txn);
  BOOST_TEST(recover() == 0);
  BOOST_TEST(outcomes() == "pending");
  BOOST_TEST_REQUIRE(notices.size() == 1u);
  BOOST_TEST(notices[0].find("another server") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(standby_settles_nothing_and_runs_no_pass) {
  archived_accounts(1);
  die_in_transaction(true);
  cluster.stop();
  write_text(cluster.data_directory() / "standby.signal", "");
  cluster.start();
  define("archive", archive_clusters());
  const auto result = run("archive");
  const int settled = recover();
  cluster.stop();
  std::filesystem::remove(cluster.data_directory() / "standby.signal");
  cluster.start();
  BOOST_TEST(engine::name_of(result.outcome) == "failed");
  BOOST_TEST_REQUIRE(result.error.has_value());
  BOOST_TEST(result.error->sqlstate() == "25006");
  BOOST_TEST(settled == 0);
  BOOST_TEST(outcomes() == "pending");
  BOOST_TEST(recover() == 1);
  BOOST_TEST(outcomes() == "committed");
}

BOOST_AUTO_TEST_CASE(pass_after_a_kill_does_what_was_rolled_back) {
  archived_accounts(3);
  die_in_transaction(false);
  recover();
  define("archive", archive_clusters());
  BOOST_TEST(summary(run("archive")) == "converged: 3 of 3 corrected, 3 changes, 0 failed");
  check_journal_agrees();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::tests
