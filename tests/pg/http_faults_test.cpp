#include "tests/pg/http_world.h"
#include "tests/support/certificates.h"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <ostream>

namespace {

/// What a service does wrong, and how that is told.
struct Wrong {
  const char* kind;
  const char* message;
  const char* outcome;
  const char* settings = "";
};
std::ostream& operator<<(std::ostream& stream, const Wrong& wrong) { return stream << wrong.kind; }

const std::vector<Wrong> kWrong = {
    {"truncated", "answer truncated after 10 of 100 bytes", "unknown"},
    {"truncated_chunked", "answer truncated after 10 bytes, before the last chunk", "unknown"},
    {"endless", "answer larger than 64 KiB", "unknown"},
    {"large", "answer larger than 64 KiB", "unknown"},
    {"huge_headers", "answer with headers larger than", "unknown"},
    // An attempt over a kept connection is followed by another at once.
    {"reset_before&count=2", "connection reset", "unknown"},
    {"close&count=2", "the connection ended without an answer", "unknown"},
    // Time enough for the others.
    {"stall", "no whole answer within 5s", "unknown", "-- timeout: 5s"},
    {"redirect", "the answer has status 302, expected is 2xx", "failed"},
};

}  // namespace

namespace converge::tests {
namespace {

BOOST_FIXTURE_TEST_SUITE(http_faults, HttpWorld)

BOOST_DATA_TEST_CASE_F(HttpWorld, fault_is_told_and_harms_nobody_else, kWrong, wrong) {
  archived_accounts(3);
  service.fault("path=/accounts/2/&kind=" + std::string(wrong.kind));
  define_tell(post(), wrong.settings);
  BOOST_TEST(tell() == "failed: 3 of 3 corrected, 3 changes, 1 failed");
  BOOST_TEST(failure().starts_with("2: step tell: "), failure());
  BOOST_TEST(failure().find(wrong.message) != std::string::npos, failure());
  BOOST_TEST(journaled("select subject, outcome from attempt order by 1") ==
             "1|committed\n2|" + std::string(wrong.outcome) +
                 (std::string(wrong.kind).ends_with("count=2") ? "\n2|unknown" : "") +
                 "\n3|committed");
  make_due();
  BOOST_TEST(tell() == "converged: 1 of 3 corrected, 0 changes, 0 failed");
  BOOST_TEST(service.counts().effects == 3);
  BOOST_TEST(owed() == "0");
}

// The service has acted before it resets the connection, which the call before left open.
BOOST_AUTO_TEST_CASE(request_over_a_kept_connection_that_is_lost_is_sent_again_as_another_attempt) {
  archived_accounts(3);
  service.fault("path=/accounts/2/&kind=reset");
  define_tell(post());
  BOOST_TEST(tell() == "converged: 3 of 3 corrected, 3 changes, 0 failed");
  BOOST_TEST(journaled("select subject, outcome from attempt order by seq") ==
             "1|committed\n2|unknown\n2|committed\n3|committed");
  BOOST_TEST(journaled("select count(distinct key) from attempt where subject = '2'") == "1");
  BOOST_TEST(service.log().size() == 4U);
  BOOST_TEST(service.counts().effects == 3);
  BOOST_TEST(owed() == "0");
  BOOST_TEST(journal.quarantined("tell").empty());
}

// Whatever its method.
BOOST_AUTO_TEST_CASE(each_request_has_an_attempt_though_connections_are_lost) {
  archived_accounts(60);
  service.fault("kind=reset&every=5&count=-1");
  define_tell(http("PUT " + service.url("/accounts/{id}/told")), "-- parallel: 4\n");
  tell();
  std::vector<std::string> keys;
  for (const auto& request : requests()) keys.push_back(text(request, "key"));
  BOOST_TEST(keys.size() > 60U);
  std::sort(keys.begin(), keys.end());
  std::string sent;
  for (const auto& key : keys) sent += (sent.empty() ? "" : "\n") + key;
  BOOST_TEST(sent == journaled("select key from attempt order by 1"));
}

BOOST_AUTO_TEST_CASE(service_that_is_not_there_is_owed_until_it_is) {
  archived_accounts(2);
  define_tell(post());
  service.stop();
  BOOST_TEST(tell() == "failed: 2 of 2 corrected, 2 changes, 2 failed");
  BOOST_TEST(journal.quarantined("tell")[0].message == "step tell: connection refused");
  BOOST_TEST(attempts() == "failed|2");
  check_journal_agrees();
  service.start();
  make_due();
  BOOST_TEST(tell() == "converged: 2 of 2 corrected, 0 changes, 0 failed");
  BOOST_TEST(service.counts().effects == 2);
}

BOOST_AUTO_TEST_CASE(host_that_is_not_known_is_a_failure) {
  archived_accounts(1);
  define_tell(http("POST http://host.invalid/x"));
  run("tell");
  BOOST_TEST(failure().starts_with("1: step tell: the host's name is not found"), failure());
  BOOST_TEST(attempts() == "failed|1");
}

BOOST_AUTO_TEST_CASE(certificate_that_is_not_trusted_is_a_failure_and_nothing_is_sent) {
  const Certificates certificates;
  certificates.sign("other", "other.example");
  certificates.sign("good", "localhost");
  const auto serve = [&](const std::string& name) {
    return StateMachine(
        {"--cert", certificates.file(name + ".pem"), "--key", certificates.file(name + ".key")});
  };
  http_options.ca_file = certificates.file("authority.pem");
  archived_accounts(1);
  const auto define_for = [&](const StateMachine& other) {
    define_tell(http("POST https://localhost:" + std::to_string(other.port()) + "/x/{id}"));
  };
  const StateMachine wrong = serve("other");
  define_for(wrong);
  run("tell");
  BOOST_TEST(failure() ==
             "1: step tell: the server's certificate is for other.example, not for the host of "
             "the URL");
  BOOST_TEST(wrong.log().empty());
  const StateMachine good = serve("good");
  define_for(good);
  make_due();
  BOOST_TEST(tell() == "converged: 1 of 1 corrected, 0 changes, 0 failed");
  BOOST_TEST(good.counts().effects == 1);
  BOOST_TEST(attempts() == "committed|1\nfailed|1");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::tests
