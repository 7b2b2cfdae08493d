#include "tests/cli/daemon_fixture.h"

#include <boost/test/unit_test.hpp>

namespace {

using namespace converge::tests;

struct DaemonOperators : Daemon {
  DaemonOperators() { add_accounts(12); }

  CommandResult must(const Words& arguments) const {
    auto result = call(arguments);
    BOOST_TEST_CONTEXT(result.out << result.err) { BOOST_TEST(result.status == 0); }
    return result;
  }
  /// Defines one that sees to the last account alone.
  void define_other() const {
    std::string text = archiver("-- every: 1h\n");
    define("other", text.insert(text.find(" order by id;"), " and id = 12"));
  }
};

BOOST_FIXTURE_TEST_SUITE(daemon_operators, DaemonOperators)

BOOST_AUTO_TEST_CASE(a_paused_converger_does_nothing_until_it_is_resumed) {
  must({"pause", "archive", "--reason", "a migration"});
  define_other();
  archive_accounts("id in (1, 12)");
  Service service(*this, std::string("workers = 1\n") + kQuiet);
  // With one worker, the other's pass comes after that of the paused one.
  BOOST_TEST(eventually([this] { return left_to_do() == "3"; }));
  archive_accounts("id = 2");
  BOOST_TEST(service.stop().status == 0);
  BOOST_TEST(left_to_do() == "6");

  Service again(*this, kQuiet, {}, "again");
  must({"resume", "archive"});
  BOOST_TEST(converges());
  BOOST_TEST(again.stop().status == 0);
  require_agreement();
}

BOOST_AUTO_TEST_CASE(a_pause_for_a_while_ends_by_itself) {
  Service service(*this, kQuiet);
  must({"pause", "--all", "--reason", "a migration", "--for", "3s"});
  archive_accounts("id = 1");
  BOOST_TEST(converges());
  // A pass that was due when the pause ended may have come first.
  BOOST_TEST(service.logs("a pause, a hold or a quarantine is over"));
  const auto result = service.stop();
  BOOST_TEST(result.status == 0);
  BOOST_TEST(!contains(result.err, "a person"));
}

BOOST_AUTO_TEST_CASE(a_released_set_goes_through_at_once) {
  define_archive("-- every: 1h\n-- listen: account_archived\n-- limit: 5\n");
  Service service(*this, kQuiet);
  archive_accounts();
  BOOST_REQUIRE(service.logs("msg=\"held\""));
  BOOST_TEST(left_to_do() == "36");
  const auto held = call({"status", "-o", "json"});
  BOOST_TEST(held.status == 1);
  const std::string digest = member(call({"list", "-o", "json"}).out, "digest");
  must({"release", "archive", digest});
  BOOST_TEST_CONTEXT(service.log() << call({"journal", "-n", "50"}).out) {
    BOOST_TEST(converges());
  }
  BOOST_TEST(service.stop().status == 0);
  require_agreement();
}

BOOST_AUTO_TEST_CASE(a_quarantined_subject_is_retried_when_a_person_says_so) {
  sql("create function refuse() returns trigger language plpgsql as $$ begin raise 'not this one'; "
      "end $$; create trigger refuse before update on cluster for each row "
      "when (new.account_id = 3) execute function refuse()");
  Service service(*this, kQuiet);
  archive_accounts();
  BOOST_TEST(eventually([this] { return left_to_do() == "3"; }));
  BOOST_TEST(service.logs("not this one"));
  // It is told before the journal has it.
  BOOST_TEST(eventually([this] { return ask_journal("select count(*) from quarantine") == "1"; }));
  sql("drop trigger refuse on cluster");
  must({"retry", "archive", "3"});
  BOOST_TEST(converges());
  BOOST_TEST(service.stop().status == 0);
  require_agreement();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
