-- Subscriptions follow what a cluster is, from its creation until it is archived.

-- given:
insert into account (id, email, name, created_at) overriding system value values
  (1, 'ada@example.com', 'Ada', '2020-01-01');
insert into cluster (id, account_id, name, region, plan, size, created_at, changed_at)
overriding system value values
  (11, 1, 'orders', 'eu-west-1', 'standard', 10, '2020-01-01', '2020-01-01');

-- case: a new cluster gets a subscription from its creation on
-- expect: subject 11, step open subscriptions, 1 change
-- then:
select account_id, plan, size, opened_at = '2020-01-01', closed_at from subscription;
-- is:
--   1 | standard | 10 | t | null

-- case: a change of plan or size closes one and opens the next at that instant
-- given:
insert into subscription (id, account_id, cluster_id, plan, size, opened_at)
overriding system value values (21, 1, 11, 'standard', 10, '2020-01-01');
update cluster set plan = 'premium', size = 20, changed_at = '2020-02-01' where id = 11;
-- expect: subject 11, step close subscriptions, 1 change
-- expect: subject 11, step open subscriptions, 1 change
-- then:
select plan, size, opened_at::date, closed_at::date from subscription order by opened_at;
-- is:
--   standard | 10 | 2020-01-01 | 2020-02-01
--   premium | 20 | 2020-02-01 | null

-- case: a cluster that moves to another account is billed to that one from then on
-- given:
insert into account (id, email, name) overriding system value values
  (2, 'bob@example.com', 'Bob');
insert into subscription (id, account_id, cluster_id, plan, size, opened_at)
overriding system value values (21, 1, 11, 'standard', 10, '2020-01-01');
update cluster set account_id = 2 where id = 11;
-- expect: subject 11, step close subscriptions, 1 change
-- expect: subject 11, step open subscriptions, 1 change
-- then:
select account_id, opened_at = now(), closed_at = now() from subscription order by opened_at;
-- is:
--   1 | f | t
--   2 | t | null

-- case: an archived cluster has its subscription closed then
-- given:
insert into subscription (id, account_id, cluster_id, plan, size, opened_at)
overriding system value values (21, 1, 11, 'standard', 10, '2020-01-01');
update cluster set archived_at = now() where id = 11;
-- expect: subject 11, step close subscriptions, 1 change
-- then:
select id, closed_at = now() from subscription;
-- is:
--   21 | t

-- case: a gap is filled and an overlap cut off
-- given:
insert into subscription (id, account_id, cluster_id, plan, size, opened_at, closed_at)
overriding system value values
  (21, 1, 11, 'standard', 10, '2020-01-01', '2020-02-01'),
  (22, 1, 11, 'standard', 10, '2020-03-01', '2020-05-01'),
  (23, 1, 11, 'standard', 10, '2020-04-01', null);
-- expect: subject 11, step close subscriptions, 1 change
-- expect: subject 11, step open subscriptions, 1 change
-- then:
select opened_at::date, closed_at::date from subscription order by opened_at;
-- is:
--   2020-01-01 | 2020-02-01
--   2020-02-01 | 2020-03-01
--   2020-03-01 | 2020-05-01
--   2020-05-01 | null

-- case: what was archived long ago is let be
-- given:
insert into cluster (id, account_id, name, region, plan, created_at, archived_at)
overriding system value values
  (12, 1, 'old', 'eu-west-1', 'standard', now() - interval '1 year', now() - interval '91 days');
insert into subscription (account_id, cluster_id, plan, size, opened_at)
values (1, 11, 'standard', 10, '2020-01-01');
-- expect: nothing

-- case: subscriptions that are right stay as they are
-- given:
insert into subscription (account_id, cluster_id, plan, size, opened_at)
values (1, 11, 'standard', 10, '2020-01-01');
-- expect: nothing
