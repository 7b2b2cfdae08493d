#include "tests/pg/http_world.h"

#include <boost/test/unit_test.hpp>

namespace converge::tests {
namespace {

const std::string kToken = "s3cr/et \"tok&n\"";
const std::string kEncoded = "s3cr%2Fet%20%22tok%26n%22";

BOOST_FIXTURE_TEST_SUITE(http_secrets, HttpWorld)

BOOST_AUTO_TEST_CASE(value_of_a_variable_is_nowhere_in_the_journal) {
  variables = {{"TOKEN", kToken}};
  archived_accounts(2);
  // The service repeats the path in its answer.
  const std::string request = "POST " + service.url("/accounts/{id}?key=${TOKEN}") +
                              "\nAuthorization: Bearer ${TOKEN}\n"
                              "Content-Type: application/json\n\n{\"token\": \"${TOKEN}\"}";
  define_tell(http(request));
  std::string told;
  const engine::PassObserver observer{
      .failed = [&](const auto&, const auto&,
                    const Error& error) { told += std::string(error.what()) + error.hint(); },
      .corrected = [&](const auto& record) { told += record.detail; }};
  plan("tell", {.observer = observer});
  BOOST_TEST(summary(run("tell", {.observer = observer})) ==
             "converged: 2 of 2 corrected, 2 changes, 0 failed");
  define("tell", archive_clusters() + http(request, "-- expect: 204"));
  sql("update cluster set archived_at = null");
  BOOST_TEST(summary(run("tell", {.observer = observer})) ==
             "failed: 2 of 2 corrected, 2 changes, 2 failed");
  for (const std::string& secret : {kToken, kEncoded, std::string("s3cr/et")}) {
    BOOST_TEST(!is_on_disk(secret));
    BOOST_TEST(told.find(secret) == std::string::npos, told);
  }
  BOOST_TEST(told.find("key=${TOKEN}") != std::string::npos, told);
  BOOST_TEST(header(requests()[0], "Authorization") == "Bearer " + kToken);
  BOOST_TEST(text(requests()[0], "path") == "/accounts/1?key=" + kEncoded);
  BOOST_TEST(journaled("select distinct request from attempt where subject = '1'") ==
             "POST " + service.url("/accounts/1?key=${TOKEN}"));
  BOOST_TEST(journaled("select distinct detail ->> '$.output' like '%key=${TOKEN}\"%' from entry "
                       "where kind = (select id from kind where name = 'outcome') and "
                       "detail ->> '$.status' is not null") == "1");
}

BOOST_AUTO_TEST_CASE(redacted_column_is_in_no_entry_and_not_on_disk_once_nothing_is_owed) {
  archived_accounts(2);
  sql("update account set email = 'very-private-' || id");
  service.fault("kind=422&path=/accounts/2");
  const std::string section =
      http("POST " + service.url("/accounts/{id}?who={label}") + "\nX-Who: {label}");
  define_tell(section, "-- redact: label");
  BOOST_TEST(tell() == "failed: 2 of 2 corrected, 2 changes, 1 failed");
  BOOST_TEST(text(requests()[0], "path").starts_with("/accounts/1?who=very-private-1"));
  BOOST_TEST(journaled("select request from attempt where subject = '1'") ==
             "POST " + service.url("/accounts/1?who={label}"));
  BOOST_TEST(journaled("select count(*) from entry where detail like '%private%' or label like "
                       "'%private%'") == "0");
  BOOST_TEST(journaled("select count(*) from entry where detail ->> '$.output' is not null") ==
             "0");
  BOOST_TEST(journaled("select count(*) from quarantine where label like '%private%' or message "
                       "like '%private%'") == "0");
  BOOST_TEST(owed() == "1");
  make_due();
  BOOST_TEST(tell() == "converged: 1 of 2 corrected, 0 changes, 0 failed");
  BOOST_TEST(owed() == "0");
  BOOST_TEST(text(requests()[2], "path").starts_with("/accounts/2?who=very-private-2"));
  SQLite::Database(journal_file.string(), SQLite::OPEN_READWRITE)
      .exec("pragma wal_checkpoint(truncate)");
  BOOST_TEST(!is_on_disk("very-private"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace converge::tests
