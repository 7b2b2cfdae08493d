#include "tests/support/manual.h"
#include "tests/unit/status_fixture.h"

#include <Poco/Dynamic/Var.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <boost/test/unit_test.hpp>

#include <chrono>
#include <set>
#include <sstream>
#include <string>

namespace converge::tests {
namespace {

using namespace std::chrono_literals;
using Names = std::set<std::string>;

Names members_of(const Poco::JSON::Object& object) {
  const auto names = object.getNames();
  return {names.begin(), names.end()};
}

/// `converged.8`, and a status server that has something to tell of everything.
struct ServicePage : StatusFixture {
  ServicePage() {
    engine::PassResult pass;
    pass.converger = "archive_account";
    pass.outcome = engine::PassOutcome::converged;
    metrics.pass(pass, 1200us);
    metrics.appended(300us);
    change([](auto& overview) {
      overview.trouble = "the disk is full";
      overview.trial = "Build 102 is on trial";
      auto& one = overview.convergers[0];
      one.file_error = "line 1";
      one.why = "2 of 1 allowed";
      one.resolve = "converge release archive_account";
      one.owing = {.subjects = 3, .since_us = 1'700'000'000'000'000, .unknown = 2};
      one.owing.matters.push_back({});
      one.last_pass_us = one.last_completed_us = one.last_correction_us = one.next_us =
          1'700'000'000'000'000;
      one.last_outcome = "converged";
      one.hold_digest = "1f0c9a7be2d34455";
    });
  }

  Poco::JSON::Object::Ptr status() const {
    return Poco::JSON::Parser()
        .parse(ask("/api/v1/status").body)
        .extract<Poco::JSON::Object::Ptr>();
  }

  Manual page{"converged.8"};
};

BOOST_FIXTURE_TEST_SUITE(service_page, ServicePage)

BOOST_AUTO_TEST_CASE(has_the_metrics_that_there_are_and_no_others) {
  Names told = page.items("Counters and histograms", "Va");
  told.merge(page.items("Gauges", "Va"));
  Names there;
  std::istringstream text(ask("/metrics").body);
  for (std::string hash, word, name, rest; text >> hash;) {
    if (hash == "#" && text >> word >> name && word == "TYPE") there.insert(name);
    std::getline(text, rest);
  }
  BOOST_TEST(told == there, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(has_the_members_of_the_status_and_no_others) {
  const auto object = status();
  BOOST_TEST(page.items("/api/v1/status", "Va") == members_of(*object),
             boost::test_tools::per_element());
  const auto one = object->getArray("convergers")->getObject(0);
  BOOST_TEST(page.items("Each converger", "Va") == members_of(*one),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(every_path_that_it_names_is_there) {
  auto kept = journal.open();
  journal::PassId pass;
  append_txn(kept, pass, 1);
  const auto paths = page.items("STATUS SERVER", "Pa");
  BOOST_TEST(paths.size() == 7u);
  for (const auto& path : paths) {
    const int expected = path == "/readyz" ? 503 : 200;
    BOOST_TEST(ask(path).status == expected, path);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::tests
