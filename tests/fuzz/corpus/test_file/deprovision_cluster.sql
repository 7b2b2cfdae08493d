-- The state machine is asked for what is archived, until it is done with it.

-- given:
insert into account (id, email, name, created_at) overriding system value values
  (1, 'ada@example.com', 'Ada', now() - interval '1 year');
insert into cluster (id, account_id, name, region, plan, state, created_at, archived_at)
overriding system value values
  (11, 1, 'alive', 'eu-west-1', 'standard', 'active', now() - interval '1 month', null),
  (12, 1, 'done', 'eu-west-1', 'standard', 'deprovisioned', now() - interval '1 month', now());

-- case: an archived cluster is asked for, in words that the state machine knows
-- given:
update cluster set archived_at = now() where id = 11;
-- expect: subject 11, http request deprovisioning, POST ${STATE_MACHINE}/clusters/11/deprovision
--   POST ${STATE_MACHINE}/clusters/11/deprovision
--   Content-Type: application/json
--
--   {"reason": "cluster alive of account 1 is archived"}

-- case: one that is being deprovisioned is asked for until that is done
-- given:
update cluster set archived_at = now() - interval '1 year', state = 'deprovisioning',
                   created_at = now() - interval '2 years'
where id = 11;
-- expect: subject 11, http request deprovisioning, POST ${STATE_MACHINE}/clusters/11/deprovision

-- case: what a name holds does not break out of the request
-- given:
update cluster set name = E'a", "force": true, "\r\n', archived_at = now() where id = 11;
-- expect: subject 11, http request deprovisioning, POST ${STATE_MACHINE}/clusters/11/deprovision
--   POST ${STATE_MACHINE}/clusters/11/deprovision
--   Content-Type: application/json
--
--   {"reason": "cluster a\", \"force\": true, \"\r\n of account 1 is archived"}

-- case: its state is the state machine's to write
-- given:
update cluster set archived_at = now() where id = 11;
-- expect: subject 11, http request deprovisioning, POST ${STATE_MACHINE}/clusters/11/deprovision
-- then:
select state from cluster where id = 11;
-- is:
--   active

-- case: neither one that is alive nor one that is done is asked for
-- expect: nothing
