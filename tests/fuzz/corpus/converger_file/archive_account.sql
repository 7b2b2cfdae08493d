-- Archives everything that an archived account still owns.
--
-- operator:
--   begin;
--   update account set archived_at = now() where email = 'TARGET' returning *;
--   commit;
--
--   -- What follows, on its way and done: converge why TARGET. Its clusters are then deprovisioned
--   -- by deprovision_cluster, and their subscriptions closed by reconcile_subscription.
--
-- every: 10s
-- listen: account_archived
-- limit: 500

-- find:
select id, email as label
from account
where archived_at > now() - interval '1 day';

-- step: archive clusters
update cluster
set archived_at = now()
from subject
where cluster.account_id = subject.id and cluster.archived_at is null
returning subject.id, cluster.id as cluster;

-- step: revoke api keys
update api_key
set revoked_at = now()
from subject
where api_key.account_id = subject.id and api_key.revoked_at is null
returning subject.id, api_key.id as api_key;

-- step: remove team members
update team_member
set removed_at = now()
from subject
where team_member.account_id = subject.id and team_member.removed_at is null
returning subject.id, team_member.id as team_member;
