#include "journal/schema_sql.h"

namespace converge::journal {

// Comments inside a statement are kept by SQLite, so `.schema` explains the file to its reader.
const char* const kTables = R"sql(
create table kind (id integer primary key, name text not null unique) strict;
create table outcome (id integer primary key, name text not null unique) strict;

create table actor (  -- Who acted, and with which build of converge.
  id integer primary key,
  name text not null,
  build integer not null,
  unique (name, build)
) strict;

create table definition (  -- The very texts that acted.
  id integer primary key,
  name text not null,
  version text not null,           -- SHA-256 of text; '' where only the converger is named.
  text text,                       -- Null exactly when version is ''.
  first_used_us integer not null,
  unique (name, version)
) strict;

create table entry (  -- The log. Append-only, without gaps, hash-chained.
  seq integer primary key,
  time_us integer not null,        -- Since 1970-01-01 00:00 UTC.
  kind integer not null references kind,
  pass integer,                    -- The seq of the first entry of its pass.
  definition integer references definition,
  actor integer not null references actor,
  txn integer,                     -- The seq of the 'txn' (or 'attempt') entry it belongs to.
  subject text,
  label text,
  count integer,
  outcome integer references outcome,
  detail text,                     -- JSON; null with a detail_sha: redacted.
  detail_sha blob,                 -- SHA-256(detail).
  hash blob not null               -- SHA-256(previous hash || the other columns but detail).
) strict;

create table block (  -- Sealed runs of entries, for searching by time and for pruning.
  first_seq integer primary key,
  last_seq integer not null unique,
  min_time_us integer not null,
  max_time_us integer not null,
  hash blob not null               -- Of the entry last_seq.
) strict;

create table chain (  -- One row: where the chain starts and where it ends.
  id integer primary key check (id = 1),
  journal_id text not null,        -- In the hash before the first entry.
  pruned_seq integer not null,     -- The last entry that is not here any more, and its hash.
  pruned_hash blob not null,
  head_seq integer not null,       -- The newest entry, and its hash.
  head_hash blob not null,
  block_first_seq integer not null,  -- The first entry after the last block ...
  block_min_us integer,            -- ... and the least and greatest time from there on.
  block_max_us integer
) strict;

-- State that is not history: derived, or lost without harm.

create table hold (  -- Convergers that a limit stopped.
  converger text primary key,
  definition_version text not null,
  digest text not null,
  inconsistencies integer not null,
  allowed integer not null,
  since_us integer not null,
  released integer not null,
  released_digest text not null
) strict, without rowid;

create table settling (  -- Subjects that have not been found for long enough to act on.
  converger text not null,
  subject text not null,
  first_seen_us integer not null,
  mark integer not null,           -- The last pass that found it.
  primary key (converger, subject)
) strict, without rowid;
)sql";

// Each is paid on every append, so there is none by time (blocks serve that), and the common kinds
// are in no index of their own. A query must repeat the condition of a partial index.
const char* const kIndices = R"sql(
create index entry_subject on entry (subject) where subject is not null;
create index entry_definition on entry (definition) where definition is not null;
create index entry_rare on entry (kind) where kind > 4;
create index entry_unhappy on entry (outcome) where kind = 4 and outcome > 2;

create trigger entry_update before update on entry begin
  select raise(abort, 'journal entries are append-only');
end;
)sql";

// What version 2 has and version 1 had otherwise or not at all.
const char* const kSinceVersion2 = R"sql(
create unique index entry_outcome on entry (txn, outcome is 5)  -- At most one outcome, and another
  where kind = 4;                                   -- one where it was 'unknown' and a person knew.

create trigger entry_delete before delete on entry
when old.seq > (select pruned_seq from chain) begin
  select raise(abort, 'journal entries are append-only');
end;

create table archive (  -- What was pruned, and where it went.
  last_seq integer primary key,    -- The last entry in it.
  time_us integer not null,        -- When it was pruned.
  max_time_us integer not null,    -- The greatest time in it.
  file text not null
) strict;
)sql";

// The same of version 3. All of it is state and not history.
const char* const kSinceVersion3 = R"sql(
create table pause (  -- What a person stopped.
  converger text primary key,      -- '': all.
  since_us integer not null,
  until_us integer not null,       -- 0: until it is resumed.
  actor text not null,
  reason text not null
) strict, without rowid;

create table quarantine (  -- Subjects that keep failing, or are corrected again and again.
  converger text not null,
  subject text not null,
  label text,
  failures integer not null,
  since_us integer not null,
  next_us integer not null,        -- Not tried before.
  row_digest text not null,        -- Of the row that find returned.
  message text not null,
  sqlstate text not null,
  fight integer not null,          -- 1: it was corrected again and again.
  primary key (converger, subject)
) strict, without rowid;

create table service (  -- The daemon that writes this journal, or did when it was killed.
  id integer primary key check (id = 1),
  pid integer not null,
  started integer not null,        -- With boot_id: which process of this number is meant.
  boot_id text not null,
  since_us integer not null,
  address text not null            -- Of its status server; '': it has none.
) strict;
)sql";

// As it is since version 4.
const char* const kLastPass = R"sql(
create table last_pass (
  converger text primary key,      -- `NAME`, or `NAME I/N` of one of its shards.
  time_us integer not null,
  outcome text not null,
  correction_us integer not null,  -- 0: never corrected anything.
  streak integer not null,         -- Complete passes in a row that corrected something.
  failures integer not null,       -- Passes in a row that failed ...
  message text not null,           -- ... and why the last one did.
  completed_us integer not null    -- The last one that did not; 0: none.
) strict, without rowid;
)sql";

// The same of version 5.
const char* const kSinceVersion5 = R"sql(
create table unsettled (  -- The 'txn' and 'attempt' entries that no outcome entry settles yet.
  seq integer primary key
) strict;

create table owed (  -- Steps outside the database that a transaction planned, and are not done.
  key text not null primary key,   -- Of each attempt, with the number of the step behind it.
  converger text not null,
  version text not null,           -- Of the definition that planned it.
  subject text not null,
  label text,
  row blob not null,               -- Of the subject; converge's own encoding.
  step integer not null,           -- The step outside the database that it waits for.
  done integer not null,           -- 1: that one is done, but not all SQL steps after it.
  txn integer not null,            -- The 'txn' entry that planned it.
  pass integer not null
) strict;
create index owed_converger on owed (converger, txn);
create index owed_txn on owed (txn);

create table outside_last (  -- What steps outside the database last did for subjects found.
  converger text not null,
  subject text not null,
  title text not null,             -- Of the step.
  key text not null,               -- Of its last attempt, the same until one succeeds.
  tried_us integer not null,
  done_us integer not null,        -- When it succeeded with this key; 0: it did not.
  primary key (converger, subject, title)
) strict, without rowid;

create view attempt as
-- One row for each try of a step outside the database, oldest first.
select
  e.seq,
  strftime('%Y-%m-%d %H:%M:%S', e.time_us / 1000000, 'unixepoch')
    || printf('.%06d', e.time_us % 1000000) as time,  -- UTC, just before it was made.
  d.name as converger,
  d.version,
  a.name as actor,
  a.build,
  e.pass,
  e.subject,
  e.label,
  e.detail ->> '$.title' as title,
  e.detail ->> '$.request' as request,  -- In one line, without secrets.
  e.detail ->> '$.key' as key,        -- The same for all tries of a step for one inconsistency.
  s.detail ->> '$.status' as status,  -- Of the answer, or how the program ended.
  s.detail ->> '$.duration_ms' as duration_ms,
  coalesce(so.name, eo.name) as outcome,  -- As settled so far; 'committed': it succeeded.
  s.seq as settled_by                 -- The entry that tells the outcome.
from entry e
join actor a on a.id = e.actor
left join definition d on d.id = e.definition
left join entry s on s.seq = (
  select seq from entry where kind = 4 and txn = e.seq order by outcome is 5 limit 1)
left join outcome so on so.id = s.outcome
left join outcome eo on eo.id = e.outcome
where e.kind = 3
order by e.seq;
)sql";

// The same of version 6.
const char* const kSinceVersion6 = R"sql(
create table compatibility (  -- One row: who may write this file.
  id integer primary key check (id = 1),
  least_writer integer not null    -- The lowest schema whose builds know how.
) strict;

create table update_seen (  -- What an update of converge may not go below.
  channel text not null primary key,
  seq integer not null,            -- The greatest number of a release manifest that was seen.
  build integer not null           -- The greatest build that proved itself here.
) strict, without rowid;
)sql";

const char* const kTakeUnsettledOver = R"sql(
insert into unsettled select seq from unsettled_before;
drop table unsettled_before;
)sql";

const char* const kDropVersion1 = R"sql(
drop view "transaction";
drop view step;
drop view inconsistency;
drop trigger entry_delete;
drop index entry_outcome;
)sql";

const char* const kPutLastPassAside = "alter table last_pass rename to last_pass_before";
const char* const kPutUnsettledAside = "alter table unsettled rename to unsettled_before";

/// Version 3 had all columns but the last, version 2 four of them.
const char* const kTakeLastPassOver = R"sql(
insert into last_pass
select *, {} iif(outcome = 'failed', 0, time_us) from last_pass_before;
drop table last_pass_before;
)sql";

const char* const kViews = R"sql(
create view inconsistency as
-- One row for each inconsistency that was handled, oldest first.
select
  e.seq,
  strftime('%Y-%m-%d %H:%M:%S', e.time_us / 1000000, 'unixepoch')
    || printf('.%06d', e.time_us % 1000000) as time,  -- UTC
  d.name as converger,
  d.version,      -- SHA-256 of the definition; its text is in the table definition.
  a.name as actor,
  a.build,
  e.pass,         -- The seq of the first entry of its pass.
  e.txn,          -- The seq of its transaction.
  e.subject,
  e.label,
  e.count,        -- Rows changed, in all steps.
  coalesce(so.name, eo.name) as outcome,  -- As settled so far.
  e.detail        -- JSON; null when it was redacted.
from entry e
join actor a on a.id = e.actor
left join definition d on d.id = e.definition
left join entry s on s.seq = (
  select seq from entry where kind = 4 and txn = e.txn order by outcome is 5 limit 1)
left join outcome so on so.id = s.outcome
left join outcome eo on eo.id = e.outcome
where e.kind = 2
order by e.seq;

create view step as
-- One row for each step of each inconsistency, in the order in which they were taken.
select
  i.seq, i.time, i.converger, i.version, i.actor, i.build, i.pass, i.txn, i.subject, i.label,
  s.key + 1 as number,
  s.value ->> '$.title' as title,
  s.value ->> '$.count' as count,     -- Rows changed, exactly.
  s.value -> '$.changes' as changes,  -- JSON: the rows; at most 100 of them are kept.
  i.outcome
from inconsistency i, json_each(i.detail, '$.steps') s;

create view "transaction" as
-- One row for each PostgreSQL transaction, oldest first.
select
  e.seq,
  strftime('%Y-%m-%d %H:%M:%S', e.time_us / 1000000, 'unixepoch')
    || printf('.%06d', e.time_us % 1000000) as time,  -- UTC, just before it was to commit.
  d.name as converger,
  d.version,
  a.name as actor,
  a.build,
  e.pass,
  e.detail ->> '$.database' as "database",
  e.detail ->> '$.xid' as xid,        -- PostgreSQL's xid8: select pg_xact_status('...').
  e.detail ->> '$.system_identifier' as system_identifier,
  e.detail ->> '$.timeline' as timeline,
  e.detail ->> '$.pid' as pid,        -- The process that wrote it.
  coalesce(so.name, eo.name) as outcome,  -- As settled so far.
  s.seq as settled_by                 -- The entry that tells the outcome.
from entry e
join actor a on a.id = e.actor
left join definition d on d.id = e.definition
left join entry s on s.seq = (
  select seq from entry where kind = 4 and txn = e.seq order by outcome is 5 limit 1)
left join outcome so on so.id = s.outcome
left join outcome eo on eo.id = e.outcome
where e.kind = 1
order by e.seq;
)sql";

}  // namespace converge::journal
