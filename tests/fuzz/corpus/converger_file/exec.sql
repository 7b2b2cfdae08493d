-- every: never
-- limit: 12.5% of at least 50

-- find:
select 1;
-- exec: tell the owner
--   /usr/bin/notify --account {id} "of {label}" '$x'
-- for: found
-- repeat: 10m
-- expect: 0, 3
-- environment: API_URL, API_TOKEN
