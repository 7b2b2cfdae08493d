#include "src/base/child.h"

#include "tests/support/temp_dir.h"

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <filesystem>
#include <stop_token>
#include <string>
#include <thread>

namespace converge {
namespace {

using namespace std::chrono_literals;

// Longer than any case may take.
constexpr auto kForEver = 24h;

ChildRequest script(const std::string& text) {
  return {.arguments = {"/bin/sh", "-c", text},
          .input = {},
          .environment = {{"PATH", "/usr/bin:/bin"}}};
}

BOOST_AUTO_TEST_SUITE(child)

BOOST_AUTO_TEST_CASE(program_that_is_to_stop_is_killed_with_all_that_it_has_started) {
  const tests::TempDir directory;
  const std::string told = directory / "pid";
  std::stop_source source;
  std::jthread stops([&] {
    while (!std::filesystem::exists(told)) std::this_thread::sleep_for(1ms);
    source.request_stop();
  });
  const auto end = run_child(script("trap '' TERM; echo begun; sleep 100000 & echo $! >" + told +
                                    ".new; mv " + told + ".new " + told + "; wait; wait"),
                             kForEver, source.get_token());
  BOOST_TEST((end.kind == ChildEnd::Kind::late));
  BOOST_TEST(end.output == "begun\n");
  const auto its_child = std::stoi(tests::read_text(told));
  while (kill(its_child, 0) == 0) std::this_thread::sleep_for(1ms);  // It is reaped by another.
}

BOOST_AUTO_TEST_CASE(program_that_is_to_stop_before_it_begins_does_not_go_on) {
  std::stop_source source;
  source.request_stop();
  const auto end = run_child(script("sleep 100000"), kForEver, source.get_token());
  BOOST_TEST((end.kind == ChildEnd::Kind::late));
}

BOOST_AUTO_TEST_CASE(program_that_nobody_stops_ends_by_itself) {
  const std::stop_source source;
  const auto end = run_child(script("exit 3"), kForEver, source.get_token());
  BOOST_TEST((end.kind == ChildEnd::Kind::exited));
  BOOST_TEST(end.status == 3);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge
