-- Has the state machine deprovision each cluster that is archived.
--
-- The state machine is another service. It writes cluster.state as it goes along; until that says
-- `deprovisioned`, it is asked again every ten minutes. 409 is its word for what it is at already.
--
-- operator:
--   begin;
--   update cluster set archived_at = now() where id = TARGET returning *;
--   commit;
--
--   -- What was asked, and answered: converge why TARGET. To be asked at once where the state machine
--   -- failed: converge retry deprovision_cluster TARGET.
--
-- every: 10s
-- timeout: 5s
-- parallel: 16

-- find:
select id, name as label, account_id, region
from cluster
where archived_at is not null and state <> 'deprovisioned';

-- http: request deprovisioning
--   POST ${STATE_MACHINE}/clusters/{id}/deprovision
--   Content-Type: application/json
--
--   {"reason": "cluster {label} of account {account_id} is archived"}
-- for: found
-- repeat: 10m
-- expect: 2xx, 409
