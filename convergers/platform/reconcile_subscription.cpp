#include "convergers/platform/reconcile_subscription.h"

#include "convergers/platform/subscription_timeline.h"
#include "src/base/error.h"
#include "src/postgres/session.h"

#include <fmt/core.h>

#include <array>
#include <charconv>
#include <map>
#include <optional>

namespace converge::convergers {

namespace {

constexpr const char* kDescription =
    R"(Keeps one open subscription for each cluster that is alive, and none for others.

Over the life of a cluster its subscriptions follow each other without a gap and without an
overlap; since the last change of its account, plan or size they bill what it is to whom it belongs.
Subscriptions are closed, shortened and opened, never deleted: one that should never have been ends
when it began.)";

constexpr const char* kRunbook = R"(begin;
update cluster set plan = 'standard', size = 20 where id = TARGET returning *;
commit;

-- The moment of the change is cluster.changed_at: give it too when it was an earlier one.
-- Nothing is to be done to the subscriptions by hand; what was done shows: converge why TARGET)";

/// A subscription that ends when it began is as good as none, and one that ends at infinity never
/// does. Where a time is infinite that must not be, the cluster is found, and told of by `read`.
constexpr const char* kFind =
    R"(select c.id, (select email from account where id = c.account_id) as label
from (select id, account_id, plan, size, created_at, greatest(changed_at, created_at) as changed_at,
             nullif(archived_at, 'infinity') as archived_at
      from cluster) c
cross join lateral (
  select range_agg(tstzrange(s.opened_at, s.closed_at)) as paid,
         sum(case when isfinite(s.opened_at)
                  then extract(epoch from coalesce(s.closed_at, now()) - s.opened_at) end) as seconds,
         bool_and((s.account_id = c.account_id and s.plan = c.plan and s.size = c.size)
                  or coalesce(s.closed_at <= c.changed_at, false)) as fits,
         bool_and(isfinite(s.opened_at)) as finite
  from (select s.account_id, s.plan, s.size, s.opened_at, nullif(s.closed_at, 'infinity') as closed_at
        from subscription s
        where s.cluster_id = c.id and s.closed_at is distinct from s.opened_at) s
) s
where (c.archived_at is null or c.archived_at > now() - ${horizon})
  and (not isfinite(c.created_at) or not isfinite(c.changed_at) or not s.finite
       or s.paid is distinct from
         case when c.archived_at is distinct from c.created_at
              then tstzmultirange(tstzrange(c.created_at, c.archived_at)) end
       or s.seconds <> case when isfinite(c.created_at)
                            then extract(epoch from coalesce(c.archived_at, now()) - c.created_at) end
       or not s.fits))";

/// Whoever opens a subscription for one of them waits: its foreign key locks the cluster.
constexpr const char* kClusters =
    R"(select c.id, c.account_id, c.plan, c.size,
       case when isfinite(c.created_at) then (extract(epoch from c.created_at) * 1000000)::bigint end,
       case when isfinite(c.archived_at) then (extract(epoch from c.archived_at) * 1000000)::bigint end,
       case when isfinite(greatest(c.changed_at, c.created_at))
            then (extract(epoch from greatest(c.changed_at, c.created_at)) * 1000000)::bigint end
from cluster c join subject on subject.id = c.id
order by c.id
for update of c)";

constexpr const char* kSubscriptions =
    R"(select s.cluster_id, s.id, s.account_id, s.plan, s.size,
       case when isfinite(s.opened_at) then (extract(epoch from s.opened_at) * 1000000)::bigint end,
       case when isfinite(s.closed_at) then (extract(epoch from s.closed_at) * 1000000)::bigint end
from subscription s join subject on subject.id = s.cluster_id
where s.closed_at is distinct from s.opened_at
order by s.id
for update of s)";

/// Seconds and the rest apart: a double has not the digits for a microsecond of the year 9999.
constexpr const char* kShorten = R"(update subscription s
set opened_at = timestamptz 'epoch' + e.opened / 1000000 * interval '1 second'
                + e.opened % 1000000 * interval '1 microsecond',
    closed_at = timestamptz 'epoch' + e.closed / 1000000 * interval '1 second'
                + e.closed % 1000000 * interval '1 microsecond'
from unnest($1::bigint[], $2::bigint[], $3::bigint[]) as e (id, opened, closed)
join subscription was using (id)
where s.id = e.id
returning s.cluster_id, s.id as subscription, s.plan, s.size, s.opened_at, s.closed_at,
          was.opened_at as was_opened_at, was.closed_at as was_closed_at)";

constexpr const char* kOpen =
    R"(insert into subscription (account_id, cluster_id, plan, size, opened_at, closed_at)
select o.account_id, o.cluster_id, o.plan, o.size,
       timestamptz 'epoch' + o.opened / 1000000 * interval '1 second'
       + o.opened % 1000000 * interval '1 microsecond',
       timestamptz 'epoch' + o.closed / 1000000 * interval '1 second'
       + o.closed % 1000000 * interval '1 microsecond'
from unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[])
     with ordinality as o (cluster_id, account_id, plan, size, opened, closed, place)
order by o.place
returning cluster_id, id as subscription, account_id as account, plan, size, opened_at, closed_at)";

std::int64_t number(std::optional<std::string_view> cell, std::int64_t otherwise = 0) {
  std::int64_t value = otherwise;
  if (cell) std::from_chars(cell->data(), cell->data() + cell->size(), value);
  return value;
}

std::string text(std::optional<std::string_view> cell) { return std::string(cell.value_or("")); }

/// The clusters of a chunk with their subscriptions, as they are now.
struct Account {
  Cluster cluster;
  std::vector<Subscription> subscriptions;
};

/// A time that must be one. Another fails its subject, as what the server says against data does.
Instant finite(std::optional<std::string_view> cell, const char* what, std::int64_t id) {
  if (cell) return number(cell);
  throw Error(ErrorKind::failure, fmt::format("{} {} is infinite", what, id),
              "Give it the time that is meant; only an end may be infinity, which is none.",
              "22008");
}

std::map<std::int64_t, Account> read(const CodeWork& work) {
  std::map<std::int64_t, Account> accounts;
  const postgres::Rows clusters = work.run("lock clusters", {});
  for (std::size_t row = 0; row < clusters.size(); ++row) {
    const std::int64_t id = number(clusters.at(row, 0));
    accounts[id].cluster = {
        .offer = {.account = number(clusters.at(row, 1)),
                  .plan = text(clusters.at(row, 2)),
                  .size = number(clusters.at(row, 3))},
        .life = {.begin = finite(clusters.at(row, 4), "created_at of cluster", id),
                 .end = number(clusters.at(row, 5), kNever)},
        .changed = finite(clusters.at(row, 6), "changed_at of cluster", id)};
  }
  const postgres::Rows rows = work.run("lock subscriptions", {});
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const std::int64_t id = number(rows.at(row, 1));
    accounts[number(rows.at(row, 0))].subscriptions.push_back(
        {.id = id,
         .offer = {.account = number(rows.at(row, 2)),
                   .plan = text(rows.at(row, 3)),
                   .size = number(rows.at(row, 4))},
         .time = {.begin = finite(rows.at(row, 5), "opened_at of subscription", id),
                  .end = number(rows.at(row, 6), kNever)}});
  }
  return accounts;
}

/// Columns of a relation as the text of PostgreSQL arrays.
template <std::size_t kWidth>
class Arrays {
 public:
  void add(const std::array<std::optional<std::string>, kWidth>& row) {
    for (std::size_t i = 0; i < kWidth; ++i) postgres::append_array_element(arrays_[i], row[i]);
  }
  bool empty() const { return arrays_.front().empty(); }
  std::vector<std::string> take() {
    for (std::string& array : arrays_) postgres::close_array(array);
    return {arrays_.begin(), arrays_.end()};
  }

 private:
  std::array<std::string, kWidth> arrays_;
};

std::optional<std::string> instant(Instant value) {
  if (value == kNever) return std::nullopt;
  return std::to_string(value);
}

std::vector<postgres::Rows> converge(const CodeWork& work) {
  Arrays<3> shortened;
  Arrays<6> opened;
  for (auto& [id, account] : read(work)) {
    const Mending mending = mend(account.cluster, std::move(account.subscriptions));
    for (const Subscription& one : mending.shortened) {
      shortened.add({std::to_string(one.id), instant(one.time.begin), instant(one.time.end)});
    }
    for (const Subscription& one : mending.opened) {
      opened.add({std::to_string(id), std::to_string(one.offer.account), one.offer.plan,
                  std::to_string(one.offer.size), instant(one.time.begin), instant(one.time.end)});
    }
  }
  std::vector<postgres::Rows> changes(2);
  if (!shortened.empty()) changes[0] = work.run("shorten", shortened.take());
  if (!opened.empty()) changes[1] = work.run("open", opened.take());
  return changes;
}

engine::Settings settings() {
  engine::Settings settings;
  settings.limit = engine::Limit{.count = 500, .percent = {}, .at_least = 0, .text = "500"};
  return settings;
}

}  // namespace

Code reconcile_subscription() {
  return {.name = "reconcile_subscription",
          .description = kDescription,
          .runbook = kRunbook,
          .settings = settings(),
          .parameters = {{.name = "horizon",
                          .kind = ParameterKind::duration,
                          .value = "90d",
                          .description = "clusters archived longer ago are not looked at"}},
          .find = kFind,
          .statements = {{.name = "lock clusters", .sql = kClusters},
                         {.name = "lock subscriptions", .sql = kSubscriptions},
                         {.name = "shorten", .sql = kShorten, .has_parameters = true},
                         {.name = "open", .sql = kOpen, .has_parameters = true}},
          .steps = {"close subscriptions", "open subscriptions"},
          .converge = &converge};
}

}  // namespace converge::convergers
