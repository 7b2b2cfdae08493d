-- Has the state machine deprovision each cluster that is archived.
--
-- The state machine is another service, and cluster.state is its to write, from `deprovisioning` to
-- `deprovisioned`. Until it says so, it is asked again every ten minutes, so that nothing is lost
-- that it has forgotten; 409 is its word for what it is at already.
--
-- The label is the account's, so that `converge why` tells of its clusters too.
--
-- operator:
--   begin;
--   update cluster set archived_at = now() where id = TARGET returning *;
--   commit;
--
--   -- What was asked, and answered: converge why TARGET. Where the state machine has failed it is
--   -- asked again by and by; at once: converge retry deprovision_cluster TARGET.
--
-- every: 10s
-- listen: cluster_archived
-- timeout: 5s
-- parallel: 16
-- limit: 1000

-- find:
select cluster.id, account.email as label, cluster.name, cluster.account_id
from cluster
join account on account.id = cluster.account_id
where cluster.archived_at is not null and cluster.state <> 'deprovisioned';

-- http: request deprovisioning
--   POST ${STATE_MACHINE}/clusters/{id}/deprovision
--   Content-Type: application/json
--
--   {"reason": "cluster {name} of account {account_id} is archived"}
-- for: found
-- repeat: 10m
-- expect: 2xx, 409
