#include "tests/cli/fixture.h"

#include "tests/cli/agreement.h"
#include "tests/support/pgbouncer.h"

#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <Poco/JSON/Stringifier.h>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace converge::tests {
namespace {

constexpr std::chrono::seconds kPatience{120};

/// One row for each row that was set right, by the transaction that did it.
constexpr const char* kAudit = R"sql(
create table audit (
  xid xid8 not null default pg_current_xact_id(),
  relation text not null,
  account_id bigint not null,
  row_id bigint not null
);
create function audit() returns trigger language plpgsql security definer as $$
begin
  insert into audit (relation, account_id, row_id) values (tg_table_name, new.account_id, new.id);
  return null;
end $$;
create trigger audit after update on cluster for each row
  when (old.archived_at is null and new.archived_at is not null) execute function audit();
create trigger audit after update on api_key for each row
  when (old.revoked_at is null and new.revoked_at is not null) execute function audit();
)sql";

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) throw std::runtime_error(std::string(name) + " is not set: use tests/run");
  return value;
}

/// Converge's sessions that wait for a lock of one of these kinds.
int waiting(const Cli& cli, const std::string& kinds) {
  return std::stoi(
      cli.sql("select count(*) from pg_stat_activity where datname = current_database() and "
              "application_name = 'converge' and wait_event_type = 'Lock' and wait_event in (" +
              kinds + ")"));
}

}  // namespace

Cli::Cli(PostgresCluster& server)
    : convergers(directory / "convergers"),
      journal(directory / "state" / "journal.db"),
      cluster(server),
      database(cluster.create_database({read_text("convergers/platform/schema.sql"), kAudit})),
      url(reached(cluster, database)),
      binary(variable("CONVERGE_BINARY")) {
  // nobody must get there too.
  ::chmod(directory.path().c_str(), 0755);
  std::filesystem::create_directory(convergers);
  ::chmod(convergers.c_str(), 0755);
  environment = {{"CONVERGE_CONFIG", directory.write("converge.toml", "").string()},
                 {"CONVERGE_DATABASE", url},
                 {"CONVERGE_CONVERGERS", convergers.string()},
                 {"CONVERGE_JOURNAL", journal.string()},
                 {"HOME", directory.path().string()},
                 {"TZ", "UTC"},
                 {"LC_ALL", "C.UTF-8"},
                 {"NO_COLOR", std::nullopt},
                 {"INVOCATION_ID", std::nullopt}};
}

Cli::~Cli() {
  try {
    cluster.drop_database(database);
  } catch (const std::exception&) {
    // A case may have stopped the server; the database goes with it.
  }
}

Words Cli::words(const std::string& program, const Words& arguments) const {
  Words all = prefix;
  all.push_back(program);
  all.insert(all.end(), arguments.begin(), arguments.end());
  return all;
}

CommandResult Cli::call(const Words& arguments) const {
  return run_command(words(binary, arguments), {.environment = environment});
}

Command Cli::start(const Words& arguments) const {
  return Command(words(binary, arguments), {.environment = environment});
}

void Cli::die_at(const std::string& fault, const Words& arguments) const {
  auto with_fault = environment;
  with_fault["CONVERGE_FAULT"] = fault;
  const auto result =
      run_command(words(variable("CONVERGE_DEBUG_BINARY"), arguments), {.environment = with_fault});
  BOOST_TEST_CONTEXT(fault << ": " << result.out << result.err) {
    BOOST_REQUIRE(result.signal == SIGKILL);
    BOOST_REQUIRE(!result.timed_out);
  }
}

std::filesystem::path Cli::define(const std::string& name, const std::string& text) const {
  return directory.write(std::filesystem::path("convergers") / (name + ".sql"), text);
}

void Cli::add_accounts(int count) const {
  const auto number = std::to_string(count);
  const auto before = sql("select count(*) from account");
  sql("insert into account (email, name, created_at) "
      "select 'a' || n || '@example.com', 'Account ' || n, now() - interval '1 year' "
      "from generate_series(" +
      before + " + 1, " + before + " + " + number +
      ") n order by n;"
      "insert into cluster (account_id, name, region, plan, created_at) "
      "select id, 'c' || n, 'eu-west-1', 'starter', created_at "
      "from account, generate_series(1, 2) n where id > " +
      before +
      " order by id, n;"
      "insert into api_key (account_id, prefix, created_at) "
      "select id, 'key-' || to_char(id, 'FM00000000'), created_at "
      "from account where id > " +
      before + " order by id;");
}

void Cli::archive_accounts(const std::string& condition) const {
  sql("update account set archived_at = now() where " + condition);
}

void Cli::correct(const std::string& converger, const std::string& condition) const {
  archive_accounts(condition);
  BOOST_REQUIRE(call({"run", converger}).status == 0);
}

void Cli::dirty_again() const {
  sql("update cluster set archived_at = null where archived_at is not null;"
      "update api_key set revoked_at = null where revoked_at is not null");
  // Else what is done again and again would be taken for a fight. There may be no journal to tell.
  if (has_journal()) {
    run_command({"sqlite3", journal.string(), "update last_pass set streak = 0"});
  }
}

void Cli::guard_commits(const std::string& condition) const {
  directory.write("converge.toml", "[database]\nlock_timeout = \"60s\"\n");
  sql("create function wait() returns trigger language plpgsql as $$ begin "
      "perform pg_advisory_xact_lock(7); return null; end $$;"
      "create constraint trigger wait after update on cluster deferrable initially deferred "
      "for each row when ((" +
      condition + ") and new.archived_at is not null) execute function wait()");
}

std::string Cli::sql(const std::string& statements) const {
  return cluster.query(database, statements);
}

std::string Cli::left_to_do() const {
  return sql(
      "select (select count(*) from cluster c join account a on a.id = c.account_id "
      "        where a.archived_at is not null and c.archived_at is null) + "
      "       (select count(*) from api_key k join account a on a.id = k.account_id "
      "        where a.archived_at is not null and k.revoked_at is null)");
}

std::string Cli::ask_journal(const std::string& query) const {
  // Whoever opens a WAL first reads all of it, and keeps others away for that long.
  const auto result =
      run_command({"sqlite3", "-readonly", "-cmd", ".timeout 10000", journal.string(), query});
  if (result.status != 0) throw std::runtime_error("sqlite3: " + result.err + "in: " + query);
  auto text = result.out;
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

void Cli::tamper(const std::string& statements) const {
  const auto result = run_command(
      {"sqlite3", journal.string(),
       "drop trigger if exists entry_update; drop trigger if exists entry_delete; " + statements});
  if (result.status != 0) throw std::runtime_error("sqlite3: " + result.err);
}

void Cli::require_agreement() const {
  const auto found = disagreement(*this);
  BOOST_TEST(found == "", found);
}

std::string bundled() { return read_text("convergers/platform/archive_account.sql"); }

std::string archiver(const std::string& settings) {
  return "-- Archives what an archived account owns.\n--\n" + settings + R"sql(
-- find:
select id, email as label from account where archived_at is not null order by id;

-- step: archive clusters
update cluster set archived_at = now()
from subject
where cluster.account_id = subject.id and cluster.archived_at is null
returning subject.id, cluster.id as cluster;

-- step: revoke api keys
update api_key set revoked_at = now()
from subject
where api_key.account_id = subject.id and api_key.revoked_at is null
returning subject.id, api_key.id as api_key;
)sql";
}

Bystander::Bystander(const Cli& cli, const std::string& statements)
    : connection_(::PQconnectdb(cli.url.c_str()), ::PQfinish) {
  const std::unique_ptr<PGresult, decltype(&::PQclear)> result(
      ::PQexec(connection_.get(), ("begin; " + statements).c_str()), ::PQclear);
  const auto status = ::PQresultStatus(result.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
    throw std::runtime_error(::PQerrorMessage(connection_.get()));
  }
}

LockAcrossRestarts::LockAcrossRestarts(const Cli& cli, const std::string& statements) : cli_(cli) {
  cli_.sql("begin; " + statements + "; prepare transaction '" + cli_.database + "'");
}

void LockAcrossRestarts::end() {
  if (std::exchange(held_, false)) cli_.sql("rollback prepared '" + cli_.database + "'");
}

bool eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

bool waits_for_row(const Cli& cli) {
  return eventually([&] { return waiting(cli, "'transactionid','tuple'") > 0; });
}

bool wait_for_advisory_lock(const Cli& cli, int sessions) {
  return eventually([&] { return waiting(cli, "'advisory'") >= sessions; });
}

bool is_refused_the_lock(const Cli& cli) {
  return eventually([&] {
    return cli.sql(
               "select count(*) from pg_stat_activity a where datname = current_database() and "
               "query like '%pg_try_advisory_lock%' and pid <> pg_backend_pid() and not exists "
               "(select from pg_locks l where l.pid = a.pid and locktype = 'advisory')") != "0";
  });
}

std::string timeless(const std::string& text) {
  static const std::regex duration(R"(\((\d+(ms|s|m|h|d))+\))");
  static const std::regex time(R"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)");
  return std::regex_replace(std::regex_replace(text, duration, "(T)"), time, "TIME");
}

std::string member(const std::string& line, const std::string& name) {
  Poco::JSON::Parser parser(new Poco::JSON::ParseHandler(true));  // Keeps the order of members.
  const auto object = parser.parse(line).extract<Poco::JSON::Object::Ptr>();
  if (!object->has(name)) return "(none)";
  const auto value = object->get(name);
  if (value.isString()) return value.toString();
  std::ostringstream text;
  Poco::JSON::Stringifier::stringify(value, text);
  return text.str();
}

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> all;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find('\n', begin), text.size());
    all.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return all;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::filesystem::path library(const std::string& name) {
  for (const auto& directory : std::filesystem::directory_iterator("/usr/lib")) {
    if (std::filesystem::exists(directory.path() / name)) return directory.path() / name;
  }
  throw std::runtime_error(name + " is missing: make deps");
}

Words as_nobody() {
  if (::geteuid() != 0) return {};
  return {"setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"};
}

}  // namespace converge::tests
