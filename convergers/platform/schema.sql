-- The database of a small platform that sells database clusters: what the bundled convergers, the
-- demo, the tests and the benchmark work on. A real one has more columns and the same shape.
--
-- A thing that ends is not deleted, it is given the time of its end. What is still alive has a
-- partial index by its owner, so that a pass over owners that are done costs one probe for each.

create table plan (
  name text primary key check (name ~ '^[a-z][a-z0-9-]*$'),
  nodes integer not null check (nodes > 0),
  monthly_cents bigint not null check (monthly_cents >= 0)
);

insert into plan (name, nodes, monthly_cents) values
  ('starter', 1, 0),
  ('standard', 3, 29900),
  ('premium', 9, 149900);

create table account (
  id bigint generated always as identity primary key,
  email text not null unique check (email like '_%@_%'),
  name text not null,
  created_at timestamptz not null default now(),
  archived_at timestamptz check (archived_at >= created_at)
);

create index account_archived on account (archived_at) where archived_at is not null;

create table cluster (
  id bigint generated always as identity primary key,
  account_id bigint not null references account,
  name text not null check (name <> ''),
  region text not null check (region ~ '^[a-z]+-[a-z]+-[0-9]+$'),
  plan text not null references plan,
  size integer not null default 10 check (size > 0),  -- Gigabytes of storage on each node.
  -- As the state machine has it, which is another service and writes it here.
  state text not null default 'active'
    check (state in ('active', 'deprovisioning', 'deprovisioned')),
  created_at timestamptz not null default now(),
  changed_at timestamptz not null default now(),  -- Since when account, plan and size are so.
  archived_at timestamptz check (archived_at >= created_at)
);

create function note_cluster_change() returns trigger language plpgsql as $$
begin
  new.changed_at := now();
  return new;
end
$$;

-- Whoever changes a cluster need not think of the moment, and may tell another one.
create trigger cluster_changed before update of account_id, plan, size on cluster for each row
when ((new.account_id, new.plan, new.size) is distinct from (old.account_id, old.plan, old.size)
      and new.changed_at = old.changed_at)
execute function note_cluster_change();

create index cluster_to_deprovision on cluster (id)
  where archived_at is not null and state <> 'deprovisioned';

-- A name is free again once its cluster is archived.
create unique index cluster_alive on cluster (account_id, name) where archived_at is null;

create table api_key (
  id bigint generated always as identity primary key,
  account_id bigint not null references account,
  prefix text not null unique check (length(prefix) between 8 and 32),
  created_at timestamptz not null default now(),
  revoked_at timestamptz check (revoked_at >= created_at)
);

create index api_key_alive on api_key (account_id) where revoked_at is null;

create table team_member (
  id bigint generated always as identity primary key,
  account_id bigint not null references account,
  email text not null check (email like '_%@_%'),
  role text not null check (role in ('owner', 'admin', 'developer', 'viewer')),
  joined_at timestamptz not null default now(),
  removed_at timestamptz check (removed_at >= joined_at)
);

-- A person is in an account's team once, and may come back after having left it.
create unique index team_member_alive on team_member (account_id, email) where removed_at is null;

create table subscription (
  id bigint generated always as identity primary key,
  account_id bigint not null references account,
  cluster_id bigint not null references cluster,
  plan text not null references plan,
  size integer not null default 10 check (size > 0),
  opened_at timestamptz not null default now(),
  closed_at timestamptz check (closed_at >= opened_at)
);

-- A cluster is paid for once at a time.
create unique index subscription_open on subscription (cluster_id) where closed_at is null;
create index subscription_cluster on subscription (cluster_id);
create index subscription_open_account on subscription (account_id) where closed_at is null;
