#include "tests/bench/world.h"

#include <fmt/core.h>

#include <stdexcept>

namespace converge::bench {

namespace {

constexpr const char* kAccounts = R"(
insert into account (email, name, created_at, archived_at)
select format('owner%s@example.com', n), format('Company %s', n), now() - interval '1 year', now()
from generate_series(1, {0}) n;
insert into cluster (account_id, name, region, plan, created_at)
select id, 'main-' || n, 'eu-west-1', 'standard', now() - interval '1 year'
from account, generate_series(1, {1}) n;
insert into api_key (account_id, prefix, created_at)
select id, format('cvg_%s_%s', lpad(to_hex(id), 8, '0'), n), now() - interval '1 year'
from account, generate_series(1, {1}) n;
insert into team_member (account_id, email, role, joined_at)
select id, format('member%s-%s@example.com', id, n), 'viewer', now() - interval '1 year'
from account, generate_series(1, {1}) n;
)";

/// Each client walks over accounts of its own.
constexpr const char* kOneAccount = R"(
\set id :client_id + 1 + :n * :clients
\set n :n + 1
begin;
update cluster set archived_at = now() where account_id = :id and archived_at is null returning id;
update api_key set revoked_at = now() where account_id = :id and revoked_at is null returning id;
update team_member set removed_at = now() where account_id = :id and removed_at is null returning id;
commit;
)";

}  // namespace

World::World() {
  // A server that has room, is durable, and does nothing on its own meanwhile.
  for (const char* setting :
       {"shared_buffers = '2GB'", "max_wal_size = '16GB'", "checkpoint_timeout = '1h'",
        "autovacuum = off", "fsync = on", "synchronous_commit = on", "full_page_writes = on"}) {
    cluster_.query("postgres", fmt::format("alter system set {}", setting));
  }
  cluster_.restart();
}

std::string World::dirty_template(std::int64_t accounts, int owned) {
  const std::string database =
      cluster_.create_database({tests::read_text("convergers/platform/schema.sql"),
                                fmt::format(fmt::runtime(kAccounts), accounts, owned)});
  cluster_.query(database, "vacuum (analyze)");
  return database;
}

std::string World::filled(const std::vector<std::string>& scripts) {
  const std::string database = cluster_.create_database(scripts);
  cluster_.query(database, "vacuum (analyze)");
  settle(database);
  return database;
}

std::string World::copy(const std::string& database) {
  const std::string name = fmt::format("{}_copy{}", database, ++copies_);
  cluster_.query("postgres",
                 fmt::format("create database {} template {} strategy file_copy", name, database));
  settle(name);
  return name;
}

void World::settle(const std::string& database) {
  cluster_.query(database,
                 "create extension if not exists pg_prewarm; "
                 "select sum(pg_prewarm(oid)) from pg_class where relkind in ('r', 'i') and oid > "
                 "16384");
  cluster_.query(database, "checkpoint");
}

std::filesystem::path World::convergers(int parallel) {
  const std::string name = fmt::format("parallel{}", parallel);
  std::string text = tests::read_text("convergers/platform/archive_account.sql");
  const std::string limit = "-- limit: 500\n";
  const auto place = text.find(limit);
  if (place == std::string::npos) throw std::runtime_error("archive_account has another limit");
  text.replace(place, limit.size(), fmt::format("-- parallel: {}\n", parallel));
  return directory_.write(name + "/archive_account.sql", text).parent_path();
}

std::filesystem::path World::new_journal() {
  return directory_.path() / fmt::format("journal{}", ++copies_) / "journal.db";
}

std::filesystem::path World::new_directory() {
  const auto directory = directory_.path() / fmt::format("directory{}", ++copies_);
  std::filesystem::create_directory(directory);
  return directory;
}

std::filesystem::path World::pgbench_script() {
  return directory_.write("one_account.pgbench", kOneAccount);
}

}  // namespace converge::bench
