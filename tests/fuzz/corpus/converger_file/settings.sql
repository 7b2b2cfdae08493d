-- every: 1h30m
-- listen: "Account Archived"
-- listen: other
-- timeout: 500ms
-- pass_timeout: 1d
-- chunk: 10
-- parallel: 4
-- shards: 3
-- settle: 30s
-- redact: email, "Full Name"

-- find:
select 1 as id, $q$ -- not a comment $q$, E'\'', U&'x', "a""b" /* a /* nested */ one */ from t;
-- step: one, and 100% of it
select id from subject
