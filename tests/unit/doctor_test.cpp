#include "src/doctor/bounded.h"
#include "src/doctor/journal_file.h"
#include "src/doctor/rights.h"
#include "src/doctor/server.h"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <future>
#include <memory>
#include <string>

namespace {

using namespace converge;
using doctor::Verdict;

std::string wire(const postgres::Wire& wire) {
  const auto finding = doctor::judge_wire(wire);
  const std::string verdict = finding.verdict == Verdict::ok ? "ok " : "warning ";
  BOOST_TEST(finding.remedy.empty() == (finding.verdict == Verdict::ok));
  return verdict + finding.message;
}

BOOST_AUTO_TEST_SUITE(doctor_checks)

BOOST_AUTO_TEST_CASE(connection_that_others_could_read_or_answer_is_warned_of) {
  BOOST_TEST(wire({.host = "db1", .sslmode = "prefer"}) ==
             "warning the connection to db1 is not encrypted (sslmode=prefer)");
  BOOST_TEST(wire({.host = "db1", .tls = "TLSv1.3", .sslmode = "require"}) ==
             "warning TLSv1.3, but anybody could answer in the place of db1 (sslmode=require)");
  BOOST_TEST(wire({.host = "db1", .tls = "TLSv1.3", .sslmode = "verify-full"}) ==
             "ok TLSv1.3, and the server proved who it is (sslmode=verify-full)");
  BOOST_TEST(wire({.host = "db1", .gss = true, .sslmode = "prefer"}) == "ok encrypted by GSSAPI");
  BOOST_TEST(wire({.host = "/run/postgresql", .local = true, .sslmode = "prefer"}) ==
             "ok not needed: the connection stays on this machine");
}

BOOST_AUTO_TEST_CASE(verbs_are_those_before_the_name) {
  const auto verbs = [](std::string_view sql) {
    std::string all;
    for (const auto& verb : doctor::verbs_on(sql, "t")) all += verb + " ";
    return all;
  };
  BOOST_TEST(verbs("select * from t") == "");
  BOOST_TEST(verbs("update t set a = 1") == "update ");
  BOOST_TEST(verbs("UPDATE ONLY s.t SET a = 1") == "update ");
  BOOST_TEST(
      verbs("with x as (delete from \"s\".\"t\" returning *) insert into t select * from x") ==
      "delete insert ");
  BOOST_TEST(verbs("/* update t */ select 'update t' from t -- delete from t") == "");
  BOOST_TEST(verbs("update tt set a = 1 from t") == "");
}

BOOST_AUTO_TEST_CASE(clocks_are_told_apart_beyond_what_measuring_doubts) {
  const auto verdict = [](double behind_ms, double doubt_ms) {
    return doctor::judge_clock("the server", behind_ms, doubt_ms).verdict;
  };
  BOOST_TEST((verdict(1'900, 0) == Verdict::ok));
  BOOST_TEST((verdict(-2'100, 0) == Verdict::warning));
  BOOST_TEST((verdict(2'100, 200) == Verdict::ok));
  BOOST_TEST((verdict(299'000, 0) == Verdict::warning));
  BOOST_TEST((verdict(-301'000, 0) == Verdict::bad));
  BOOST_TEST(doctor::judge_clock("the server", -90'000, 0).message ==
             "this host is 1m30s behind the server");
}

BOOST_AUTO_TEST_CASE(space_is_judged_by_bytes_and_files) {
  constexpr std::uint64_t kMebibyte = 1024 * 1024;
  const auto verdict = [](std::uint64_t mebibytes, std::uint64_t files) {
    return doctor::judge_space("/x", mebibytes * kMebibyte, files).verdict;
  };
  BOOST_TEST((verdict(512, 100) == Verdict::ok));
  BOOST_TEST((verdict(511, 100) == Verdict::warning));
  BOOST_TEST((verdict(63, 100) == Verdict::bad));
  BOOST_TEST((verdict(5'000'000, 3) == Verdict::bad));
  BOOST_TEST(doctor::judge_space("/x", 20 * 1024 * kMebibyte, 100).message == "20 GiB free in /x");
}

BOOST_AUTO_TEST_CASE(work_that_does_not_end_is_left_behind) {
  using namespace std::chrono_literals;
  const auto gate = std::make_shared<std::promise<void>>();
  const auto left = std::make_shared<std::promise<void>>();
  auto end = left->get_future();
  BOOST_TEST(!doctor::ends_within(20ms, [gate, left] {
    gate->get_future().wait();
    left->set_value();
  }));
  BOOST_TEST(doctor::ends_within(10s, [] {}));
  gate->set_value();
  BOOST_TEST((end.wait_for(10s) == std::future_status::ready));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
