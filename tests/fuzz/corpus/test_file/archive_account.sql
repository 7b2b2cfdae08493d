-- What an archived account owns ends with it, once.

-- given:
insert into account (id, email, name, created_at, archived_at) overriding system value values
  (1, 'gone@example.com', 'Gone', now() - interval '1 year', now() - interval '1 minute'),
  (2, 'here@example.com', 'Here', now() - interval '1 year', null),
  (3, 'long-gone@example.com', 'Long gone', now() - interval '1 year', now() - interval '2 days');

-- case: everything that an archived account still owns ends
-- given:
insert into cluster (id, account_id, name, region, plan, created_at, archived_at)
overriding system value values
  (11, 1, 'orders', 'eu-west-1', 'standard', now() - interval '1 month', null),
  (12, 1, 'carts', 'eu-west-1', 'starter', now() - interval '1 month', null),
  (13, 1, 'old', 'eu-west-1', 'starter', now() - interval '1 month', now() - interval '1 week');
insert into api_key (id, account_id, prefix, created_at) overriding system value values
  (21, 1, 'key-0021', now() - interval '1 month');
insert into team_member (id, account_id, email, role, joined_at) overriding system value values
  (31, 1, 'gone@example.com', 'owner', now() - interval '1 month'),
  (32, 1, 'friend@example.com', 'viewer', now() - interval '1 month');
-- expect: subject 1, step archive clusters, 2 changes
-- expect: subject 1, step revoke api keys, 1 change
-- expect: subject 1, step remove team members, 2 changes
-- then:
select id, archived_at = now() as at_once from cluster order by id;
-- is:
--   11 | t
--   12 | t
--   13 | f
-- then:
select revoked_at = now() from api_key;
-- is:
--   t
-- then:
select id from team_member where removed_at is null;
-- is:

-- case: what others own stays
-- given:
insert into cluster (id, account_id, name, region, plan) overriding system value values
  (11, 2, 'orders', 'eu-west-1', 'standard'),
  (12, 3, 'forgotten', 'eu-west-1', 'standard');
insert into api_key (id, account_id, prefix) overriding system value values (21, 2, 'key-0021');
-- expect: nothing
-- then:
select 'cluster', id from cluster where archived_at is null
union all
select 'api key', id from api_key where revoked_at is null
order by 1, 2;
-- is:
--   api key | 21
--   cluster | 11
--   cluster | 12

-- case: an account that has nothing left is right
-- expect: nothing
