#include "tests/bench/flags.h"

#include <fmt/core.h>

#include <chrono>
#include <stdexcept>

namespace converge::bench {

namespace {

constexpr std::chrono::seconds kPatience{30};

constexpr const char* kTriggers = R"sql(
create function notify_archived() returns trigger language plpgsql as $$
begin
  perform pg_notify('account_archived', new.id::text);
  return null;
end $$;
create trigger notify_archived after update of archived_at on account for each row
  when (old.archived_at is null and new.archived_at is not null)
  execute function notify_archived();
create function notify_corrected() returns trigger language plpgsql as $$
begin
  perform pg_notify('corrected', new.account_id::text);
  return null;
end $$;
create trigger notify_corrected after update of archived_at on cluster for each row
  when (old.archived_at is null and new.archived_at is not null)
  execute function notify_corrected();
)sql";

constexpr const char* kAccounts = R"sql(
insert into account (email, name, created_at, archived_at)
select format('owner%s@example.com', n), format('Company %s', n), now() - interval '1 year',
       case when n <= {0} then now() end
from generate_series(1, 10000) n;
insert into cluster (account_id, name, region, plan, created_at, archived_at)
select id, 'main', 'eu-west-1', 'standard', created_at, archived_at from account;
)sql";

constexpr const char* kConverger = R"sql(-- Archives the clusters of archived accounts.
--
{}

-- find:
select id, email as label from account where archived_at > now() - interval '1 day';

-- step: archive clusters
update cluster set archived_at = now()
from subject
where cluster.account_id = subject.id and cluster.archived_at is null
returning subject.id, cluster.id as cluster;
)sql";

}  // namespace

Flags::Flags(World& world, int archived)
    : world_(world),
      url_(world.url(world.filled({tests::read_text("convergers/platform/schema.sql"),
                                   fmt::format(fmt::runtime(kAccounts), archived), kTriggers}))),
      next_(archived) {
  reconnect();
}

void Flags::reconnect() {
  operator_ = std::make_unique<Session>(url_);
  operator_->prepare("archive", "update account set archived_at = now() where id = $1");
  witness_ = std::make_unique<Session>(url_);
  witness_->prepare("left",
                    "select count(*) from cluster where account_id = $1 and archived_at is null");
  witness_->execute("listen corrected");
}

std::filesystem::path Flags::configure(int convergers, const std::string& settings) {
  const auto directory = world_.new_directory();
  std::filesystem::create_directory(directory / "convergers");
  for (int i = 1; i <= convergers; ++i) {
    tests::write_text(directory / "convergers" / fmt::format("archive_clusters_{}.sql", i),
                      fmt::format(fmt::runtime(kConverger), settings));
  }
  const auto file = directory / "converge.toml";
  tests::write_text(file, fmt::format("[database]\nurl = \"{}\"\n"
                                      "[convergers]\ndirectory = \"{}\"\n"
                                      "[journal]\nfile = \"{}\"\n"
                                      "[daemon]\nstatus = \"off\"\n",
                                      url_, (directory / "convergers").string(),
                                      (directory / "journal.db").string()));
  return file;
}

std::string Flags::archive_next() {
  const std::string account = std::to_string(++next_);
  operator_->execute_prepared("archive", account);
  return account;
}

void Flags::await_correction(const std::string& account) {
  while (true) {
    const auto corrected = witness_->notification(kPatience);
    if (!corrected) throw std::runtime_error("account " + account + " was not corrected");
    if (*corrected != account) continue;
    if (witness_->execute_prepared("left", account) != "0") {
      throw std::runtime_error("the correction of account " + account + " is not visible");
    }
    return;
  }
}

double Flags::correct_next() {
  const std::string account = archive_next();
  const auto committed = std::chrono::steady_clock::now();
  await_correction(account);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - committed).count();
}

}  // namespace converge::bench
