-- What all cases begin with.
-- given:
insert into a values (1, ';');
-- case: one
-- expect: subject 'a, b', step 'it''s, here', 2 changes
-- expect: subject x, exec tell the owner, /usr/bin/notify --account x
--   /usr/bin/notify
--
--   --account x
-- then:
select 1
-- is:
--   1 | null | 'a | b' | ''
--   'null' | ' x ' | it's |
-- case: two
-- expect: nothing
