-- Days as partitions: messages, contents, deliveries, attempts, outcomes and dsns, each cut by message_id, which begins
-- with the time of acceptance (a ULID), and events, cut by event_id. docs/scaling.md says when that is worth it.
--
--   psql --set ON_ERROR_STOP=1 --single-transaction --file docs/partitioning.sql    once, while no Postern runs
--   select days.make(current_date + 1)                                              every day, before it begins
--   select days.forget(current_date - 30)                                           every day: what is older goes
--
-- Run it as the owner of the tables, after `postern migrate`. What is there already is copied, so do it early. Names of
-- tables, indexes and constraints stay what they were: Postern and its migrations notice nothing. A migration that adds
-- a unique constraint without message_id would fail; there is none so far.

create schema days;

-- The smallest id that a message of that moment can have, or rather what it begins with.
create function days.id_at(moment timestamptz) returns text language sql immutable strict as $$
  select string_agg(
    substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ',
           ((extract(epoch from moment) * 1000)::bigint >> (5 * digit) & 31)::integer + 1, 1),
    '' order by digit desc)
  from generate_series(0, 9) as digit
$$;

-- Referenced ones first.
create function days.tables() returns setof text language sql immutable as $$
  values ('messages'), ('contents'), ('deliveries'), ('attempts'), ('outcomes'), ('dsns')
$$;

-- What deliveries and attempts have room for, so that their rows change where they lie.
create function days.storage_of(name text) returns text language sql immutable as $$
  select case when name in ('deliveries', 'attempts') then 'with (fillfactor = 80)' else '' end
$$;

-- Partitions of a day, in UTC; nothing, if they are there.
create function days.make(day date) returns void language plpgsql as $$
declare
  name text;
begin
  for name in select days.tables() loop
    execute format('create table if not exists %I partition of %I for values from (%L) to (%L) %s',
                   name || to_char(day, '_YYYYMMDD'), name, days.id_at(day::timestamp at time zone 'UTC'),
                   days.id_at((day + 1)::timestamp at time zone 'UTC'), days.storage_of(name));
  end loop;
end $$;

-- Events are numbered, not dated: a partition for so many of them, from the first number that has none.
create function days.make_events(count bigint) returns void language plpgsql as $$
declare
  first bigint;
begin
  select coalesce(max(substring(relid::regclass::text from '\d+$')::bigint), 1) into first
  from pg_partition_tree('events') where isleaf and relid <> 'events'::regclass;
  execute format('create table events_to_%s partition of events for values from (%s) to (%s)',
                 first + count, first, first + count);
end $$;

-- Lets go of a day and of what refers to it. Refuses while some of its mail waits to be sent.
create function days.forget(day date) returns void language plpgsql as $$
declare
  first text := days.id_at(day::timestamp at time zone 'UTC');
  past text := days.id_at((day + 1)::timestamp at time zone 'UTC');
  name text;
begin
  if exists (select from deliveries where message_id >= first and message_id < past and state in ('queued', 'held')) then
    raise exception 'mail of % waits to be sent', day;
  end if;
  update report_recipients set message_id = null, n = null, correlated_by = null, is_proven = false
  where message_id >= first and message_id < past;
  delete from dsns where dsn_message_id >= first and dsn_message_id < past;
  delete from events where message_id >= first and message_id < past;
  for name in select t from days.tables() with ordinality as x (t, i) order by i desc loop
    execute format('alter table %I detach partition %I', name, name || to_char(day, '_YYYYMMDD'));
    execute format('drop table %I', name || to_char(day, '_YYYYMMDD'));
  end loop;
end $$;

-- From here on: the tables that are there become partitioned ones.
create table days.definition as
  select 1 as step, pg_get_indexdef(indexrelid) as sql
  from pg_index
  where indrelid in (select days.tables()::regclass union all select 'events'::regclass)
    and not exists (select from pg_constraint where conindid = indexrelid and contype = 'p')
  union all
  select case contype when 'p' then 0 else 2 end,
         format('alter table %s add constraint %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
  from pg_constraint
  where contype = 'p' and conrelid in (select days.tables()::regclass union all select 'events'::regclass)
     or contype = 'f' and conparentid = 0
        and (conrelid in (select days.tables()::regclass union all select 'events'::regclass)
             or confrelid in (select days.tables()::regclass));

create schema plain;

do $$
declare
  name text;
  definition text;
  day date;
begin
  for definition in select format('alter table %s drop constraint %I', conrelid::regclass, conname) from pg_constraint
                    where contype = 'f' and confrelid in (select days.tables()::regclass) loop
    execute definition;
  end loop;
  for name in select days.tables() union all select 'events' loop
    execute format('alter table %I set schema plain', name);
    execute format('create table %I (like plain.%I including defaults including constraints including storage '
                   'including identity including generated) partition by range (%I)',
                   name, name, case name when 'events' then 'event_id' else 'message_id' end);
  end loop;
  for definition in select sql from days.definition where step < 2 order by step loop
    execute definition;
  end loop;
  perform days.make(each::date)
  from generate_series(coalesce((select min(accepted_at) from plain.messages), now()) at time zone 'UTC',
                       (now() at time zone 'UTC') + interval '2 days', interval '1 day') as each;
  perform days.make_events((select coalesce(max(event_id), 0) + 100000000 from plain.events));
  for name in select days.tables() union all select 'events' loop
    execute format('insert into %I overriding system value select * from plain.%I', name, name);
  end loop;
  perform setval(pg_get_serial_sequence('events', 'event_id'), (select coalesce(max(event_id), 0) + 1 from events), false);
  for definition in select sql from days.definition where step = 2 loop
    execute definition;
  end loop;
end $$;

drop schema plain cascade;
drop table days.definition;
