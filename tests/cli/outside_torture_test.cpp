#include "tests/cli/agreement.h"
#include "tests/cli/fixture.h"
#include "tests/support/state_machine.h"

#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <boost/test/unit_test.hpp>
#include <fmt/core.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <map>
#include <string>
#include <thread>

namespace {

using namespace converge::tests;

int number(const char* variable, int fallback) {
  const char* text = std::getenv(variable);
  return text == nullptr ? fallback : std::stoi(text);
}

/// One column of the service's lines, and how often each value stands there.
std::map<std::string, int> count_by_key(const std::vector<std::string>& lines) {
  std::map<std::string, int> counts;
  for (const std::string& line : lines) {
    const auto object = Poco::JSON::Parser().parse(line).extract<Poco::JSON::Object::Ptr>();
    const auto key = object->optValue<std::string>("key", "");
    if (!key.empty()) ++counts[key];
  }
  return counts;
}

/// Subjects that are changed, told of outside, and marked; the process is killed all the while.
struct Torture : Cli {
  Torture() {
    sql(
        fmt::format("create table told (id bigint primary key); create table item (id bigint "
                    "primary key, changed boolean not null default false); insert into item "
                    "select generate_series(1, {})",
                    kSubjects));
    define("tell",
           "-- chunk: 200\n-- parallel: 16\n\n-- find:\nselect id from item where not changed or "
           "id not in (select id from told);\n\n-- step: change\nupdate item set changed = true "
           "from subject where item.id = subject.id and not changed returning subject.id;\n\n"
           "-- http: tell\n--   POST ${SERVICE}/items/{id}\n-- for: changed\n\n"
           "-- step: mark\ninsert into told select id from subject on conflict do nothing "
           "returning id;\n");
    environment["SERVICE"] = service.url();
  }

  /// Runs it, killed after `milliseconds`; false when it had nothing left to do before.
  bool run_and_kill(int milliseconds) {
    Command command = start({"run", "tell", "-q"});
    const auto deadline =
        std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
    while (command.is_running() && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    const bool killed = command.is_running();
    command.kill(SIGKILL);
    const auto result = command.wait();
    if (!killed) BOOST_TEST(result.status == 0, result.err);
    return killed;
  }

  static inline const int kSubjects = number("CONVERGE_TORTURE_SUBJECTS", 800);
  static inline const int kLife = number("CONVERGE_TORTURE_LIFE_MS", 150);
  StateMachine service{{"--delay", "10"}};
};

BOOST_FIXTURE_TEST_SUITE(outside_torture, Torture)

// CONVERGE_TORTURE_SUBJECTS and CONVERGE_TORTURE_LIFE_MS make it as long as one likes.
BOOST_AUTO_TEST_CASE(whatever_is_killed_each_effect_happens_once_and_is_recorded) {
  int kills = 0;
  // Ever longer, for a machine on which a life is over before it has begun.
  for (int life = kLife; run_and_kill(life); life += 1 + life / 20) ++kills;
  // What was owed when the last one died is carried out by whoever comes next.
  BOOST_TEST(call({"run", "tell", "--wait", "20s"}).status == 0);
  BOOST_TEST(kills > 2);
  BOOST_TEST(sql("select count(*) from told") == std::to_string(kSubjects));
  BOOST_TEST(ask_journal("select count(*) from quarantine") == "0");
  const auto found = disagreement_outside(*this, service, "mark");
  BOOST_TEST(found == "", found);
  BOOST_TEST(service.counts().effects == kSubjects);
  BOOST_TEST(call({"journal", "verify"}).status == 0);
  BOOST_TEST_MESSAGE(fmt::format("{} kills, {} requests", kills, service.counts().requests));
}

// Nobody is killed here, so that what was sent and what is recorded agree without exception.
BOOST_AUTO_TEST_CASE(service_that_resets_connections_gets_no_request_without_an_attempt) {
  service.fault("kind=reset&every=7&count=-1");
  call({"run", "tell", "-q"});
  const auto requests = count_by_key(service.log());
  std::map<std::string, int> attempts;
  for (const auto& key : lines(ask_journal("select key from attempt"))) ++attempts[key];
  BOOST_TEST(requests.size() == static_cast<std::size_t>(kSubjects));
  BOOST_TEST((requests == attempts));
  const auto sent = service.counts().requests;
  BOOST_TEST(sent > kSubjects);
  // Most of them over connections that were kept, and then sent again at once.
  const auto failed = std::stoi(ask_journal("select count(*) from quarantine"));
  BOOST_TEST(failed < kSubjects / 20);
  BOOST_TEST(sql("select count(*) from told") == std::to_string(kSubjects - failed));
  service.clear_faults();
  BOOST_TEST(call({"retry", "tell", "--all"}).status <= 1);
  BOOST_TEST(call({"run", "tell", "-q"}).status == 0);
  BOOST_TEST(count_by_key(service.effects()).size() == static_cast<std::size_t>(kSubjects));
  BOOST_TEST(service.counts().effects == kSubjects);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
