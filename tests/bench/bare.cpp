#include "tests/bench/bare.h"

#include <pqxx/pqxx>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace converge::bench {

namespace {

constexpr std::size_t kChunk = 1000;

constexpr const char* kFind =
    "select id, email as label from account where archived_at > now() - interval '1 day'";

constexpr std::array kSteps = {
    "with subject as (select unnest($1::bigint[]) as id) update cluster set archived_at = now() "
    "from subject where cluster.account_id = subject.id and cluster.archived_at is null "
    "returning subject.id, cluster.id as cluster",
    "with subject as (select unnest($1::bigint[]) as id) update api_key set revoked_at = now() "
    "from subject where api_key.account_id = subject.id and api_key.revoked_at is null "
    "returning subject.id, api_key.id as api_key",
    "with subject as (select unnest($1::bigint[]) as id) update team_member set removed_at = now() "
    "from subject where team_member.account_id = subject.id and team_member.removed_at is null "
    "returning subject.id, team_member.id as team_member"};

constexpr const char* kAgain =
    "select id, label from (select id, email as label from account where archived_at > now() - "
    "interval '1 day') found where id = any($1::bigint[])";

const std::string& step_name(std::size_t step) {
  static const std::array<std::string, kSteps.size()> names = {"step0", "step1", "step2"};
  return names[step];
}

void prepare(pqxx::connection& connection) {
  connection.prepare("again", kAgain);
  for (std::size_t step = 0; step < kSteps.size(); ++step) {
    connection.prepare(step_name(step), kSteps[step]);
  }
}

void converge_chunk(pqxx::connection& connection, const pqxx::result& found, std::size_t begin,
                    bool read_again) {
  std::string keys = "{";
  const std::size_t end = std::min(begin + kChunk, static_cast<std::size_t>(found.size()));
  for (std::size_t row = begin; row < end; ++row) {
    if (row > begin) keys += ',';
    keys += found[static_cast<pqxx::result::size_type>(row)][0].c_str();
  }
  keys += '}';
  pqxx::work work(connection);
  if (read_again) work.exec_prepared("again", keys);
  for (std::size_t step = 0; step < kSteps.size(); ++step) {
    work.exec_prepared(step_name(step), keys);
  }
  work.commit();
}

}  // namespace

double chunked(const std::string& url, int connections, bool read_again) {
  pqxx::connection first(url);
  const auto start = std::chrono::steady_clock::now();
  const pqxx::result found = pqxx::nontransaction(first).exec(kFind);
  std::atomic<std::size_t> next{0};
  const auto work = [&](pqxx::connection& connection) {
    prepare(connection);
    for (std::size_t begin = next.fetch_add(kChunk); begin < static_cast<std::size_t>(found.size());
         begin = next.fetch_add(kChunk)) {
      converge_chunk(connection, found, begin, read_again);
    }
  };
  {
    std::vector<std::jthread> threads;
    for (int i = 1; i < connections; ++i) {
      threads.emplace_back([&] {
        pqxx::connection other(url);
        work(other);
      });
    }
    work(first);
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void set_based(const std::string& url) {
  pqxx::connection connection(url);
  pqxx::work work(connection);
  const std::array statements = {
      "update cluster set archived_at = now() from account where account_id = account.id and "
      "account.archived_at > now() - interval '1 day' and cluster.archived_at is null",
      "update api_key set revoked_at = now() from account where account_id = account.id and "
      "account.archived_at > now() - interval '1 day' and revoked_at is null",
      "update team_member set removed_at = now() from account where account_id = account.id and "
      "account.archived_at > now() - interval '1 day' and removed_at is null"};
  for (const char* statement : statements) work.exec(statement);
  work.commit();
}

}  // namespace converge::bench
