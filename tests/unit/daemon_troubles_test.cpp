#define BOOST_TEST_DYN_LINK
#include "src/daemon/troubles.h"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <set>
#include <string>
#include <thread>

namespace {

using converge::daemon::Troubles;
using Cause = Troubles::Cause;

BOOST_AUTO_TEST_SUITE(daemon_troubles)

BOOST_AUTO_TEST_CASE(they_are_told_as_they_begin_and_end) {
  std::set<Cause> told;
  int calls = 0;
  Troubles troubles([&](const auto& causes) {
    told = causes;
    ++calls;
  });
  troubles.begin_quietly(Cause::database, "connecting");
  BOOST_TEST((told == std::set{Cause::database}));
  troubles.begin_quietly(Cause::journal, "no room");
  BOOST_TEST((told == std::set{Cause::database, Cause::journal}));
  BOOST_TEST(troubles.text() == "connecting; no room");
  BOOST_TEST(troubles.end(Cause::database));
  BOOST_TEST((told == std::set{Cause::journal}));
  BOOST_TEST(!troubles.end(Cause::database));
  BOOST_TEST(calls == 3);
}

BOOST_AUTO_TEST_CASE(whoever_tells_last_tells_how_things_are) {
  std::set<Cause> told;
  Troubles troubles([&](const auto& causes) {
    // Time enough for the other thread to overtake this one, if it could.
    if (!causes.empty()) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    told = causes;
  });
  for (int round = 0; round < 10; ++round) {
    const std::jthread ends([&] {
      while (!troubles.end(Cause::journal)) std::this_thread::yield();
    });
    troubles.begin_quietly(Cause::journal, "no room");
  }
  BOOST_TEST(told.empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
