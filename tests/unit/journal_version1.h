#pragma once

namespace converge::tests {

/// The tables, indices, triggers and views of a journal of schema 1, as builds before 2 made them.
inline constexpr const char* kVersion1Tables = R"sql(
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

create table unsettled (  -- The 'txn' entries that no outcome entry settles yet.
  seq integer primary key
) strict;

create table last_pass (
  converger text primary key,
  time_us integer not null,
  outcome text not null,
  correction_us integer not null   -- 0: never corrected anything.
) strict, without rowid;

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

inline constexpr const char* kVersion1Rest = R"sql(
create index entry_subject on entry (subject) where subject is not null;
create index entry_definition on entry (definition) where definition is not null;
create index entry_rare on entry (kind) where kind > 4;
create index entry_unhappy on entry (outcome) where kind = 4 and outcome > 2;
create unique index entry_outcome on entry (txn) where kind = 4;  -- At most one outcome.

create trigger entry_update before update on entry begin
  select raise(abort, 'journal entries are append-only');
end;
create trigger entry_delete before delete on entry begin
  select raise(abort, 'journal entries are append-only');
end;

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
left join entry s on s.kind = 4 and s.txn = e.txn
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
left join entry s on s.kind = 4 and s.txn = e.seq
left join outcome so on so.id = s.outcome
left join outcome eo on eo.id = e.outcome
where e.kind = 1
order by e.seq;
)sql";

}  // namespace converge::tests
