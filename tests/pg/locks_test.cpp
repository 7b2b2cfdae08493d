#include "src/postgres/advisory_lock.h"
#include "tests/pg/session_world.h"

namespace converge::tests {
namespace {

using postgres::Session;
using std::chrono::milliseconds;

/// Sessions that have asked for a lock and hold none.
const std::string kRefusedTheLock =
    "pg_stat_activity a where datname = current_database() and query like '%pg_try_advisory_lock%' "
    "and pid <> pg_backend_pid() and not exists (select from pg_locks l where l.pid = a.pid and "
    "locktype = 'advisory')";

BOOST_FIXTURE_TEST_SUITE(locks, SessionWorld)

BOOST_AUTO_TEST_CASE(advisory_lock_is_one_sessions_and_goes_with_it) {
  Session first(connect_options());
  Session second(connect_options());
  postgres::AdvisoryLocks mine(first);
  postgres::AdvisoryLocks theirs(second);
  BOOST_TEST(mine.acquire("archive", milliseconds(0)));
  BOOST_TEST(!theirs.acquire("archive", milliseconds(0)));
  BOOST_TEST(!theirs.acquire("archive", milliseconds(30)));
  BOOST_TEST(theirs.acquire("other", milliseconds(0)));
  mine.release("archive");
  BOOST_TEST(theirs.acquire("archive", milliseconds(0)));
  theirs.release("archive");
  BOOST_TEST(mine.acquire("archive", milliseconds(0)));
  terminate(pid_of(first));
  wait_until("the news", [&] { return is_noticed([&] { mine.check(); }); });
  BOOST_TEST(theirs.acquire("archive", milliseconds(0)));
}

BOOST_AUTO_TEST_CASE(advisory_locks_are_shared_or_exclusive_and_counted) {
  Session first(connect_options());
  Session second(connect_options());
  postgres::AdvisoryLocks mine(first);
  postgres::AdvisoryLocks theirs(second);
  using Got = std::vector<bool>;
  BOOST_TEST((mine.acquire_many({"a", "b", "a"}) == Got{true, true, false}));
  BOOST_TEST(!mine.acquire("a", milliseconds(0)));  // Threads exclude each other as well.
  BOOST_TEST((theirs.acquire_many({"a", "c", "b"}) == Got{false, true, false}));
  mine.release_many({"a", "b", "never held"});
  BOOST_TEST((theirs.acquire_many({"a", "b"}) == Got{true, true}));
  BOOST_TEST(mine.acquire_shared("s", milliseconds(0)));
  BOOST_TEST(theirs.acquire_shared("s", milliseconds(0)));
  BOOST_TEST(!theirs.acquire("s", milliseconds(60)));
  const auto shared = mine.count_holders("s");
  BOOST_TEST(shared.shared == 2);
  BOOST_TEST(shared.exclusive == 0);
  BOOST_TEST(mine.count_holders("a").exclusive == 1);
  mine.release("s");
  theirs.release("s");
  BOOST_TEST(mine.acquire("s", milliseconds(0)));
}

BOOST_AUTO_TEST_CASE(waiting_for_one_lock_keeps_nobody_from_another) {
  Session first(connect_options());
  Session second(connect_options());
  postgres::AdvisoryLocks mine(first);
  postgres::AdvisoryLocks theirs(second);
  BOOST_TEST(theirs.acquire("taken", milliseconds(0)));
  bool got = false;
  std::jthread waiting([&] { got = mine.acquire("taken", milliseconds(30'000)); });
  wait_until("a refusal", [&] { return count(kRefusedTheLock) > 0; });
  BOOST_TEST(mine.acquire("free", milliseconds(0)));
  mine.check();
  theirs.release("taken");
  waiting.join();
  BOOST_TEST(got);
}

BOOST_AUTO_TEST_CASE(pass_is_skipped_while_another_one_has_the_lock) {
  archived_accounts(1);
  define("archive", archive_clusters());
  Session other(connect_options());
  postgres::AdvisoryLocks locks(other);
  BOOST_TEST(locks.acquire("archive", milliseconds(0)));
  BOOST_TEST(summary(run("archive")) == "skipped: 0 of 0 corrected, 0 changes, 0 failed");
  BOOST_TEST(engine::name_of(plan("archive").outcome) == "skipped");
  BOOST_TEST(entries().empty());
  BOOST_TEST(journal::Reader(journal_file).last_passes().empty());

  Background waiting([&] { return run("archive", {.wait = milliseconds(30'000)}); });
  wait_until("a pass that was refused the lock", [&] { return count(kRefusedTheLock) > 0; });
  BOOST_TEST(count("cluster where archived_at is not null") == 0);
  locks.release("archive");
  BOOST_TEST(summary(waiting.result()) == "converged: 1 of 1 corrected, 1 changes, 0 failed");
}

BOOST_AUTO_TEST_CASE(two_passes_at_once_correct_everything_once) {
  archived_accounts(50);
  define("archive", archive_clusters("-- chunk: 3"));
  const RunOptions patient{.wait = milliseconds(30'000)};
  Background first([&] { return run("archive", patient); });
  Background second([&] { return run("archive", patient); });
  const auto results = {first.result(), second.result()};
  std::int64_t corrected = 0;
  for (const auto& result : results) corrected += result.inconsistencies;
  BOOST_TEST(corrected == 50);
  BOOST_TEST(journaled("select count(*), count(distinct subject) from inconsistency") == "50|50");
  check_journal_agrees();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::tests
