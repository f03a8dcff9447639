import type { Tables } from './tables.js'

// Owns: the tables of summaries, labels and open questions, and their indexes.
// M1  Every page is read from an index in its order, for one partition and for all, so a query does not scan the runs.
//     Names are compared by code point: `collate "C"`.
// M2  A message of a kind is stored by a function: its statements see whatever was committed before it got the lock of
//     the root. A single statement would miss a question that was stored while it waited for the lock.

/** Milliseconds since the epoch by the clock of the server. */
export const NOW = 'floor(extract(epoch from clock_timestamp())::double precision * 1000)'

/** Condition: a root application that has rows. */
export const IS_RUN = 'app = root and born is not null'

/** The label that stands for the name of a graph. */
export const NAME_LABEL = 'name'

/** The stored form of a label. */
export const labelNamed = (name: string): string => `=${name}`

/**
 * Adds summaries to the tables.
 *
 * `born` is the order of the first row, null before it. `leased`: `wake` follows the lease of the tree. Questions have
 * one row for each kind, and at least one; the first has `k` 0.
 */
export function withSummaries({ rows, apps, owners, inbox, labels, waits, answer, forget }: Tables): string {
  const run = `where ${IS_RUN}`
  return `
    alter table ${apps} alter column born drop not null, add column status text, add column since double precision,
      add column parent text, add column parent_epoch integer, add column step integer, add column map text,
      add column visit integer, add column key text, add column place integer,
      add column name text, add column title text, add column labels text,
      add column pending integer not null default 0, add column retrying integer not null default 0,
      add column leaked integer not null default 0, add column leased boolean not null default false,
      add column wake double precision, add column next_at double precision, add column facts text;
    update ${apps} a set born = null where not exists (select 1 from ${rows} r where r.app = a.id);
    drop index if exists ${apps.replace(/apps$/, 'apps_roots')};
    create index apps_born on ${apps} (part, born desc, app collate "C" desc) ${run};
    create index apps_born_all on ${apps} (born desc, app collate "C" desc, part collate "C" desc) ${run};
    create index apps_status on ${apps} (part, status, born desc, app collate "C" desc) ${run};
    create index apps_status_all on ${apps} (status, born desc, app collate "C" desc, part collate "C" desc) ${run};
    create index apps_leased on ${apps} (part, born desc, app collate "C" desc) ${run} and leased;
    create index apps_pending on ${apps} (part, born desc, app collate "C" desc) ${run} and pending > 0;
    create index apps_retrying on ${apps} (part, born desc, app collate "C" desc) ${run} and retrying > 0;
    create index apps_leaked on ${apps} (part, born desc, app collate "C" desc) ${run} and leaked > 0;
    create index apps_bare on ${apps} (part, born desc, app collate "C" desc) ${run} and status is null;
    create index apps_wake on ${apps} (wake, part collate "C", app collate "C") ${run} and wake is not null;
    create index apps_parent on ${apps}
      (part, parent, place, app collate "C", parent_epoch, step, map, visit, status, id) where parent is not null;

    alter table ${owners} add column lease double precision not null default 0, add column worker text,
      add column beat text, add column beat_at double precision;

    create table ${labels} (
      app bigint not null, part text not null, root text not null, label text not null, value text not null, born bigint,
      primary key (app, label)
    );
    create index labels_value on ${labels} (part, label, value, born desc, root collate "C" desc) where born is not null;
    create index labels_value_all on ${labels}
      (label, value, born desc, root collate "C" desc, part collate "C" desc) where born is not null;

    create table ${waits} (
      app bigint not null, seq integer not null, n integer not null, k integer not null, kind text,
      part text not null, root text not null, name text not null, id text not null,
      since double precision not null, until double precision, kinds text not null, facts text not null,
      answered boolean not null, primary key (app, seq, n, k)
    );
    create index waits_root on ${waits} (part, root);
    create index waits_since on ${waits} (part, answered, since, name collate "C", n) where k = 0;
    create index waits_kind on ${waits} (part, answered, kind, since, name collate "C", n);

    create function ${answer}(
      the_part text, the_app text, the_root text, the_data text, the_kind text, the_channel text
    ) returns bigint language plpgsql as ${bodyOf(`
    declare
      message bigint;
      open record;
    begin
      perform 1 from ${apps} where part = the_part and app = the_root and root = the_root for no key update;
      insert into ${inbox} (part, app, root, data) values (the_part, the_app, the_root, the_data) returning id into message;
      select w.app, w.seq, w.n into open from ${waits} w join ${apps} a on a.id = w.app
        where a.part = the_part and a.app = the_app and w.kind = the_kind and not w.answered
        order by w.since, w.n limit 1;
      if found then
        update ${waits} w set answered = true where w.app = open.app and w.seq = open.seq and w.n = open.n;
        update ${apps} set wake = least(wake, ${NOW})
          where part = the_part and app = the_root and root = the_root and status = 'waiting';
        perform pg_notify(the_channel, the_part || '/' || the_root);
      end if;
      return message;
    end`)};

    create function ${forget}(the_part text, the_root text) returns boolean language plpgsql as ${bodyOf(`
    declare
      known boolean;
    begin
      perform 1 from ${owners} where part = the_part and root = the_root for update;
      known := found;
      with gone as (delete from ${apps} where part = the_part and root = the_root returning id),
        r as (delete from ${rows} where app in (select id from gone)),
        l as (delete from ${labels} where app in (select id from gone)),
        w as (delete from ${waits} where app in (select id from gone))
        delete from ${inbox} where part = the_part and root = the_root;
      delete from ${owners} where part = the_part and root = the_root;
      return known;
    end`)};`
}

/** The text of a function as a literal: the names of tables in it may hold any quotes. */
export const bodyOf = (text: string): string => `'${text.replaceAll("'", "''")}'`
