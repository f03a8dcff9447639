import { bodyOf, NOW } from './summary-schema.js'
import type { Tables } from './tables.js'

// Owns: the kinds of stored messages, and the function that compares questions with them.
// K1  A save compares its questions with the inbox by a function: its statements see every message that was committed
//     before it got the lock of the root. So a message and its question find each other, whichever is stored first.

/**
 * Adds the kinds of messages to the tables. The kind of a stored message stands at the head of its data. Questions of
 * all partitions are in the order of their pages, of which the partition is the last part.
 */
export function withKinds({ apps, inbox, waits, answer, matched }: Tables): string {
  return `
    alter table ${inbox} add column kind text;
    update ${inbox} set kind = substring(data from '^\\{"kind":"([^"\\\\]*)"');
    drop index if exists ${waits.replace(/waits$/, 'waits_since_all')};
    drop index if exists ${waits.replace(/waits$/, 'waits_kind_all')};
    create index waits_since_all on ${waits} (answered, since, name collate "C", n, part collate "C") where k = 0;
    create index waits_kind_all on ${waits} (answered, kind, since, name collate "C", n, part collate "C");
    create index waits_answered on ${waits} (part, root) where answered and k = 0;
    update ${apps} a set wake = 0 where app = root and status = 'waiting'
      and exists (select 1 from ${waits} w where w.part = a.part and w.root = a.root and w.answered and w.k = 0);

    create or replace function ${answer}(
      the_part text, the_app text, the_root text, the_data text, the_kind text, the_channel text
    ) returns bigint language plpgsql as ${bodyOf(`
    declare
      message bigint;
      open record;
    begin
      perform 1 from ${apps} where part = the_part and app = the_root and root = the_root for no key update;
      insert into ${inbox} (part, app, root, data, kind)
        values (the_part, the_app, the_root, the_data, the_kind) returning id into message;
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

    create function ${matched}(
      the_part text, the_root text, the_apps text[], the_waits json, the_taken bigint[], locked bigint
    ) returns table (name text, seq integer, n integer) language plpgsql as ${bodyOf(`
    #variable_conflict use_column
    declare
      asked record;
      message bigint;
      used bigint[] := the_taken;
    begin
      for asked in
        select w.app, w.seq, w.n, array_agg(w.kind) as kinds
        from json_to_recordset(the_waits) w(app text, seq integer, n integer, kind text, since double precision)
        where exists (select 1 from ${inbox} i where i.part = the_part and i.app = w.app)
        group by w.app, w.seq, w.n order by min(w.since), w.n
      loop
        select i.id into message from ${inbox} i
          where i.part = the_part and i.app = asked.app and i.kind = any(asked.kinds) and i.id <> all(used)
          order by i.id limit 1;
        if found then
          used := used || message;
          return query select asked.app, asked.seq, asked.n;
        end if;
      end loop;
      if exists (
        select 1 from ${waits} w where w.part = the_part and w.root = the_root and w.answered and w.k = 0
          and w.name <> all(the_apps)
      ) then
        return query select null::text, null::integer, null::integer;
      end if;
    end`)};`
}
