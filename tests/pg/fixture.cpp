#include "tests/pg/fixture.h"

#include "convergers/outside_steps.h"
#include "convergers/sql_converger.h"
#include "src/base/clock.h"
#include "src/postgres/advisory_lock.h"
#include "src/postgres/pool.h"
#include "tests/support/pgbouncer.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <boost/test/unit_test.hpp>
#include <fmt/core.h>

#include <stdexcept>

namespace converge::tests {
namespace {

const std::string kSchema = R"sql(
create table account (
  id bigint primary key,
  email text not null,
  archived_at timestamptz
);
create table cluster (
  id bigint generated always as identity primary key,
  account_id bigint not null references account,
  archived_at timestamptz
);
create index on cluster (account_id) where archived_at is null;
create table api_key (
  id bigint generated always as identity primary key,
  account_id bigint not null references account,
  revoked_at timestamptz
);
create index on api_key (account_id) where revoked_at is null;
)sql";

constexpr std::chrono::seconds kPatience{120};

}  // namespace

const std::string kFindArchived = R"sql(
-- find:
select id, email as label from account where archived_at is not null order by id;
)sql";

const std::string kArchiveClusters = R"sql(
-- step: archive clusters
update cluster set archived_at = now()
from subject
where cluster.account_id = subject.id and cluster.archived_at is null
returning subject.id, cluster.id as cluster;
)sql";

const std::string kRevokeApiKeys = R"sql(
-- step: revoke api keys
update api_key set revoked_at = now()
from subject
where api_key.account_id = subject.id and api_key.revoked_at is null
returning subject.id, api_key.id as api_key;
)sql";

std::string archive_clusters(const std::string& settings) {
  return settings + "\n" + kFindArchived + kArchiveClusters;
}

World::World() : database(PostgresCluster::shared().create_database({kSchema})) {}

World::~World() {
  try {
    cluster.drop_database(database);
  } catch (const std::exception& error) {
    BOOST_ERROR(std::string("the database stays: ") + error.what());
  }
}

void World::teardown() const {
  const auto found = journal::Reader(journal_file).verify();
  BOOST_TEST(!found.broken_seq.has_value(), found.reason);
}

std::string World::sql(const std::string& statements) const {
  return cluster.query(database, statements);
}

std::int64_t World::count(const std::string& from) const {
  return std::stoll(sql("select count(*) from " + from));
}

void World::archived_accounts(int number, int clusters, int api_keys) const {
  sql(
      fmt::format("insert into account select n, 'user' || n || '@example.com', now() "
                  "from generate_series(1, {0}) n;"
                  "insert into cluster (account_id) "
                  "select n from generate_series(1, {0}) n, generate_series(1, {1}) order by n;"
                  "insert into api_key (account_id) "
                  "select n from generate_series(1, {0}) n, generate_series(1, {2});",
                  number, clusters, api_keys));
}

void World::define(const std::string& name, const std::string& text) const {
  directory.write(std::filesystem::path("convergers") / (name + ".sql"), text);
}

postgres::ConnectOptions World::connect_options(const RunOptions& options) const {
  return {.url = reached(cluster, database, options.user), .lock_timeout = options.lock_timeout};
}

engine::PassResult World::pass(const std::string& name, const RunOptions& options,
                               journal::Journal* record_in) const {
  const auto definition = convergers::load_definition(directory / "convergers" / (name + ".sql"));
  const convergers::OutsideEnvironment environment{
      .variables = convergers::Variables(variables),
      .http = std::make_shared<const http::HttpClient>(http_options)};
  convergers::SqlConverger converger(definition,
                                     convergers::make_outside_steps(definition, environment));
  return pass(converger, options, record_in);
}

engine::PassResult World::pass(engine::Converger& converger, const RunOptions& options,
                               journal::Journal* record_in) const {
  postgres::Pool pool(connect_options(options), options.connections);
  postgres::Session lock_session(connect_options(options));
  postgres::AdvisoryLocks locks(lock_session);
  engine::PassContext context{.pool = pool,
                              .locks = locks,
                              .journal = record_in,
                              .trigger = record_in == nullptr ? "plan" : "hand",
                              .actor = "tester",
                              .wait = options.wait,
                              .subjects = options.subjects,
                              .lenient = options.lenient,
                              .shard = options.shard,
                              .stop = options.stop,
                              .observer = options.observer};
  auto result = engine::run_pass(converger, context);
  try {
    if (record_in != nullptr) record_in->flush();
  } catch (const Error& error) {
    result.error = error;
  }
  return result;
}

engine::PassResult World::run(const std::string& name, const RunOptions& options) {
  return pass(name, options, &journal);
}

engine::PassResult World::plan(const std::string& name, const RunOptions& options) {
  return pass(name, options, nullptr);
}

engine::PassResult World::run(engine::Converger& converger, const RunOptions& options) {
  return pass(converger, options, &journal);
}

engine::PassResult World::plan(engine::Converger& converger, const RunOptions& options) {
  return pass(converger, options, nullptr);
}

std::vector<journal::StoredEntry> World::entries(std::optional<journal::Kind> kind) const {
  std::vector<journal::StoredEntry> all;
  journal::Reader(journal_file).newest({.newest = 1'000'000}, [&](const auto& entry) {
    if (!kind || entry.entry.kind == *kind) all.push_back(entry);
  });
  return all;
}

std::string World::kinds() const {
  std::string text;
  for (const auto& entry : entries()) {
    if (!text.empty()) text += ' ';
    text += journal::name_of(entry.entry.kind);
  }
  return text;
}

std::string World::journaled(const std::string& query) const {
  const SQLite::Database file(journal_file.string());
  SQLite::Statement statement(file, query);
  std::string text;
  while (statement.executeStep()) {
    if (!text.empty()) text += '\n';
    for (int column = 0; column < statement.getColumnCount(); ++column) {
      if (column > 0) text += '|';
      text += statement.getColumn(column).getString();
    }
  }
  return text;
}

void World::check_journal_agrees() const {
  BOOST_TEST(journaled("select coalesce(group_concat(id), '') from (select c.value ->> 'cluster' "
                       "id from step s, json_each(s.changes) c where s.outcome = 'committed' "
                       "order by (c.value ->> 'cluster') + 0)") ==
             sql("select coalesce(string_agg(id::text, ',' order by id), '') from cluster "
                 "where archived_at is not null"));
}

void World::wait_for_blocked_pass() const {
  wait_until("a pass that waits for a lock", [&] {
    return count(
               "pg_stat_activity where datname = current_database() and application_name = "
               "'converge' and wait_event_type = 'Lock'") > 0;
  });
}

std::string summary(const engine::PassResult& result) {
  std::string text =
      fmt::format("{}: {} of {} corrected, {} changes, {} failed", engine::name_of(result.outcome),
                  result.inconsistencies, result.examined, result.changes, result.failed);
  if (result.error) text += std::string("; ") + result.error->what();
  return text;
}

Background::Background(std::function<engine::PassResult()> pass)
    : thread_([this, pass = std::move(pass)] {
        result_ = pass();
        done_ = true;
      }) {}

engine::PassResult Background::result() {
  thread_.join();
  return result_;
}

void wait_until(const std::string& what, const std::function<bool()>& condition) {
  for (const auto deadline = Clock::now() + kPatience; !condition();) {
    if (Clock::now() > deadline) throw std::runtime_error("waited in vain for " + what);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

Error error_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return error;
  }
  throw std::logic_error("no error where one was due");
}

}  // namespace converge::tests
