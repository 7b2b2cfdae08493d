#include "src/base/clock.h"
#include "tests/pg/http_world.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>

namespace converge::tests {
namespace {

/// A find of one subject, in SQL, with a label that is given.
std::string find_labelled(const std::string& label) {
  return "-- find:\nselect 1::bigint as id, " + label + " as label;\n";
}

const std::string kForFound = "-- for: found\n-- repeat: 10m";

BOOST_FIXTURE_TEST_SUITE(http_step, HttpWorld)

BOOST_AUTO_TEST_CASE(request_arrives_as_it_is_written) {
  variables = {{"SERVICE", service.url()}, {"TOKEN", "open sesame"}};
  archived_accounts(1);
  define_tell(
      http("PUT ${SERVICE}/accounts/{id}?by={label}\n"
           "Content-Type: application/json\n"
           "Authorization: Bearer ${TOKEN}\n"
           "X-Account: {label}\n"
           "\n"
           "{\"account\": {id}, \"who\": {label}, \"note\": \"{label} is gone\"}"));
  BOOST_TEST(tell() == "converged: 1 of 1 corrected, 1 changes, 0 failed");
  BOOST_TEST_REQUIRE(requests().size() == 1U);
  const auto request = requests()[0];
  BOOST_TEST(text(request, "method") == "PUT");
  BOOST_TEST(text(request, "path") == "/accounts/1?by=user1%40example.com");
  BOOST_TEST(header(request, "Authorization") == "Bearer open sesame");
  BOOST_TEST(header(request, "X-Account") == "user1@example.com");
  BOOST_TEST(header(request, "User-Agent").starts_with("converge/"));
  BOOST_TEST(header(request, "Host") == "127.0.0.1:" + std::to_string(service.port()));
  BOOST_TEST(text(request, "body") ==
             "{\"account\": 1, \"who\": \"user1@example.com\", "
             "\"note\": \"user1@example.com is gone\"}");
  BOOST_TEST(header(request, "Idempotency-Key") == journaled("select key from attempt"));
  BOOST_TEST(header(request, "Idempotency-Key").size() == 41U);
}

BOOST_AUTO_TEST_CASE(value_is_escaped_for_the_place_where_it_stands) {
  const std::string value = R"(E'Zoë "\\" \'x\'\r\n</b>\t&a=b')";
  define("tell",
         find_labelled(value) + http("POST " + service.url("/{label}/x?q={label}") +
                                         "\nContent-Type: application/json\n\n{\"a\": {label}, "
                                         "\"b\": \"-{label}-\"}",
                                     kForFound));
  BOOST_TEST(tell() == "converged: 1 of 1 corrected, 0 changes, 0 failed");
  const std::string encoded = "Zo%C3%AB%20%22%5C%22%20%27x%27%0D%0A%3C%2Fb%3E%09%26a%3Db";
  BOOST_TEST_REQUIRE(requests().size() == 1U);
  BOOST_TEST(text(requests()[0], "path") == "/" + encoded + "/x?q=" + encoded);
  const auto body =
      Poco::JSON::Parser().parse(text(requests()[0], "body")).extract<Poco::JSON::Object::Ptr>();
  BOOST_TEST(text(body, "a") == "Zoë \"\\\" 'x'\r\n</b>\t&a=b");
  BOOST_TEST(text(body, "b") == "-" + text(body, "a") + "-");
}

BOOST_AUTO_TEST_CASE(value_cannot_leave_its_segment_of_the_path) {
  for (const std::string value : {"a/b", "..%2f", "../x", "a?b", "a#b", "//host"}) {
    define("tell", find_labelled("'" + value + "'") +
                       http("DELETE " + service.url("/keep/{label}/this"), kForFound));
    run("tell");
    const std::string path = text(requests().back(), "path");
    BOOST_TEST(path.starts_with("/keep/"), path);
    BOOST_TEST(path.ends_with("/this"), path);
    BOOST_TEST(std::count(path.begin(), path.end(), '/') == 3);
    BOOST_TEST(path.find_first_of("?#") == std::string::npos, path);
    SQLite::Database(journal_file.string(), SQLite::OPEN_READWRITE)
        .exec("delete from outside_last");
  }
  BOOST_TEST(requests().size() == 6U);
}

BOOST_AUTO_TEST_CASE(value_that_cannot_stand_there_fails_its_subject_before_anything_is_sent) {
  archived_accounts(4);
  sql("update account set email = E'a\\r\\nX-Admin: yes' where id = 2;"
      "update account set email = '..' where id = 3");
  define_tell(http("POST " + service.url("/x/{label}/y") + "\nX-Who: {label}"));
  BOOST_TEST(tell() == "failed: 4 of 4 corrected, 4 changes, 2 failed");
  BOOST_TEST(
      journaled("select subject, detail ->> '$.message' from entry where kind = (select id "
                "from kind where name = 'failure') order by 1") ==
      "2|step tell: http tell: column label has a control character, and stands in a header\n"
      "3|step tell: http tell: column label makes a segment of the URL's path empty, . or ..");
  BOOST_TEST(requests().size() == 2U);
  BOOST_TEST(attempts() == "committed|2");
}

BOOST_AUTO_TEST_CASE(expected_status_is_a_success) {
  archived_accounts(3);
  service.fault("kind=409&path=/accounts/2/");
  define_tell(http("POST " + service.url("/accounts/{id}/told"), "-- expect: 2xx, 409"));
  BOOST_TEST(tell() == "converged: 3 of 3 corrected, 3 changes, 0 failed");
  BOOST_TEST(journaled("select subject, status, outcome from attempt order by 1") ==
             "1|202|committed\n2|409|committed\n3|202|committed");
}

BOOST_AUTO_TEST_CASE(unexpected_status_is_a_failure_of_that_subject_alone) {
  archived_accounts(3);
  service.fault("kind=500&path=/accounts/2/");
  define_tell(post());
  BOOST_TEST(tell() == "failed: 3 of 3 corrected, 3 changes, 1 failed");
  BOOST_TEST(failure() == "2: step tell: the answer has status 500, expected is 2xx");
  BOOST_TEST(journaled("select subject, status, outcome from attempt order by 1") ==
             "1|202|committed\n2|500|failed\n3|202|committed");
  BOOST_TEST(journaled("select subject, detail ->> '$.status', detail ->> '$.message' from entry "
                       "where kind = (select id from kind where name = 'failure')") ==
             "2|500|step tell: the answer has status 500, expected is 2xx");
  BOOST_TEST(journaled("select detail ->> '$.output' from entry where kind = (select id from kind "
                       "where name = 'outcome') and subject = '2'") ==
             "{\"error\":\"as ordered\"}\n");
  BOOST_TEST(journaled("select subject, request from attempt where subject = '2'") ==
             "2|POST " + service.url("/accounts/2/told"));
  BOOST_TEST(owed() == "1");
  make_due();
  BOOST_TEST(tell() == "converged: 1 of 3 corrected, 0 changes, 0 failed");
  BOOST_TEST(owed() == "0");
  BOOST_TEST(service.counts().effects == 3);
}

BOOST_AUTO_TEST_CASE(answer_of_which_a_part_is_kept_says_so) {
  archived_accounts(2);
  // The service repeats the path in its answer.
  define_tell(http("POST " + service.url("/" + std::string(5000, 'x') + "/{id}")));
  BOOST_TEST(tell() == "converged: 2 of 2 corrected, 2 changes, 0 failed");
  const std::string outcomes =
      "from entry where kind = (select id from kind where name = 'outcome') and "
      "detail ->> '$.status' is not null";
  BOOST_TEST(journaled("select distinct length(detail ->> '$.output') " + outcomes) == "4096");
  BOOST_TEST(journaled("select distinct detail ->> '$.output_cut' " + outcomes) == "1");
  define_tell(http("POST " + service.url("/short/{id}")));
  sql("update cluster set archived_at = null");
  tell();
  BOOST_TEST(journaled("select count(*) " + outcomes) == "4");
  BOOST_TEST(journaled("select count(detail ->> '$.output_cut') " + outcomes) == "2");
}

BOOST_AUTO_TEST_CASE(service_says_when_to_come_again) {
  constexpr std::int64_t second = 1'000'000;
  archived_accounts(1);
  define_tell(post());
  const auto next_after = [&](const std::string& fault) {
    service.fault(fault);
    if (owed() == "1") make_due();
    run("tell");
    const auto all = journal.quarantined("tell");
    BOOST_TEST_REQUIRE(all.size() == 1U);
    return all[0].next_us;
  };
  for (const std::string status : {"429", "503"}) {
    const std::int64_t before = wall_time_us();
    const std::int64_t next = next_after("kind=" + status + "&retry_after=7200");
    BOOST_TEST(next >= before + 7200 * second);
    BOOST_TEST(next <= wall_time_us() + 7200 * second);
  }
  const std::int64_t date = (wall_time_us() / second + 3 * 3600) * second;
  const std::string told =
      sql("select replace(to_char(to_timestamp(" + std::to_string(date / second) +
          ") at time zone 'UTC', 'Dy, DD Mon YYYY HH24:MI:SS') || ' GMT', ' ', '%20')");
  const std::int64_t at_date = next_after("kind=503&retry_after=" + told);
  BOOST_TEST(at_date >= date - second);
  BOOST_TEST(at_date <= date + 60 * second);
}

BOOST_AUTO_TEST_CASE(service_that_wants_a_week_is_given_it) {
  constexpr std::int64_t second = 1'000'000;
  constexpr std::int64_t week = 7 * 24 * 3600 * second;
  archived_accounts(1);
  define_tell(post());
  service.fault("kind=503&retry_after=604800");
  const std::int64_t before = wall_time_us();
  run("tell");
  const auto all = journal.quarantined("tell");
  BOOST_TEST_REQUIRE(all.size() == 1U);
  BOOST_TEST(all[0].next_us >= before + week);
  run("tell");
  BOOST_TEST(service.log().size() == 1U);
}

BOOST_AUTO_TEST_CASE(service_that_does_not_say_is_asked_after_the_ordinary_time) {
  constexpr std::int64_t second = 1'000'000;
  archived_accounts(1);
  define_tell(post());
  service.fault("kind=503");
  const std::int64_t before = wall_time_us();
  run("tell");
  const auto all = journal.quarantined("tell");
  BOOST_TEST_REQUIRE(all.size() == 1U);
  BOOST_TEST(all[0].next_us >= before + 47 * second);  // A minute, a fifth more or less.
  BOOST_TEST(all[0].next_us <= wall_time_us() + 73 * second);
}

BOOST_AUTO_TEST_CASE(lost_answer_is_of_unknown_outcome_and_the_effect_happens_once) {
  archived_accounts(1);
  define_tell(post());
  for (const std::string kind : {"reset", "truncated"}) {
    service.fault("kind=" + kind);
    make_due();
    BOOST_TEST(tell() != "", kind);
    BOOST_TEST(owed() == "1");
  }
  BOOST_TEST(attempts() == "unknown|2");
  make_due();
  BOOST_TEST(tell() == "converged: 1 of 1 corrected, 0 changes, 0 failed");
  BOOST_TEST(attempts() == "committed|1\nunknown|2");
  BOOST_TEST(journaled("select count(distinct key) from attempt") == "1");
  BOOST_TEST(service.counts().effects == 1);
  BOOST_TEST(service.counts().duplicates == 2);
  BOOST_TEST(owed() == "0");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::tests
