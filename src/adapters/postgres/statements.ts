import type { Tables } from './schema.js'

/** The statements of one persister. Values are bound, never written into the text. */
export interface Statements {
  readonly claim: string
  readonly save: string
  readonly owner: string
  readonly rootOf: string
  readonly load: string
  readonly loadUntil: string
  readonly history: string
  readonly newest: string
  readonly older: string
  readonly forget: string
  readonly post: string
  readonly inbox: string
}

const ROW = 'r.idx, r.kind, r.epoch, r.seq, r.label, r.ord'

export function statementsOf({ rows, apps, owners, inbox }: Tables): Statements {
  const tail = (low: string, high: string): string =>
    `lateral (select coalesce((select idx from ${rows} where app = a.id and kind = 'full'${low} order by idx desc limit 1), 0) as low) f on true
     join ${rows} r on r.app = a.id and r.idx >= f.low${high}`
  const posts = `select q.n, q.app, null::integer, 'post', null::integer, null::integer, null, i.id, i.data
     from unnest($2::text[]) with ordinality q(app, n) join ${inbox} i on i.part = $1 and i.app = q.app`
  const inOrder = (select: string): string => `select * from (${select}) t order by n, kind = 'post', idx, ord`
  return {
    claim: `with other as (select root from ${apps} where part = $1 and app = $2 and root <> $2),
      before as materialized (select writer from ${owners} where part = $1 and root = $2 for update),
      put as (
        insert into ${owners} as o select $1, $2, $3, 0, $4 from (select count(*) from before) b where not exists (select 1 from other)
        on conflict (part, root) do update set writer = excluded.writer, count = o.count + 1, fence = greatest(o.fence, excluded.fence)
        where excluded.fence = -1 or excluded.fence >= o.fence returning count
      )
      select (select count from put) as count, (select writer from before) as before, (select root from other) as other`,
    // One round trip, all or nothing. The share lock makes a concurrent claim wait for the save. A save that waits for
    // a claim sees it: PostgreSQL tests the conditions again after the lock.
    save: `with owner as materialized (
        select 1 from ${owners} where part = $1 and root = $2 and writer = $3 for share
      ),
      fresh as (
        insert into ${apps} (part, app, root, born)
        select $1, b.app, $2, b.born from unnest($4::text[], $5::bigint[]) b(app, born)
        where exists (select 1 from owner) on conflict (part, app) do nothing returning id, app
      ),
      ids as materialized (
        select id, app from fresh
        union all select id, app from ${apps} where part = $1 and root = $2 and app = any($4)
      ),
      notes as (
        select i.id, n.* from unnest($13::text[], $14::integer[], $15::integer[], $16::integer[], $17::text[], $18::bigint[], $19::text[])
          n(app, idx, epoch, seq, label, ord, data) join ids i on i.app = n.app
          join ${rows} r on r.app = i.id and r.idx = n.idx and r.kind = 'note'
      ),
      ok as materialized (
        select 1 where exists (select 1 from owner) and (select count(*) from ids) = cardinality($4::text[])
          and (select count(*) from notes) = cardinality($13::text[])
      ),
      put as (
        insert into ${rows} (app, idx, kind, epoch, seq, label, ord, data)
        select i.id, r.idx, r.kind, r.epoch, r.seq, r.label, r.ord, r.data
        from unnest($6::text[], $7::integer[], $8::text[], $9::integer[], $10::integer[], $11::text[], $12::bigint[], $20::text[])
          r(app, idx, kind, epoch, seq, label, ord, data) join ids i on i.app = r.app
        where exists (select 1 from ok)
      ),
      renewed as (
        update ${rows} r set epoch = n.epoch, seq = n.seq, label = n.label, ord = n.ord, data = n.data
        from notes n where r.app = n.id and r.idx = n.idx and exists (select 1 from ok)
      ),
      taken as (delete from ${inbox} where id = any($21::bigint[]) and exists (select 1 from ok))
      select exists (select 1 from owner) as owned, exists (select 1 from ok) as saved`,
    owner: `select writer from ${owners} where part = $1 and root = $2`,
    rootOf: `select app, root from ${apps} where part = $1 and app = any($2) and root <> $3 limit 1`,
    load: inOrder(`select q.n, q.app, ${ROW}, r.data from unnest($2::text[]) with ordinality q(app, n)
      join ${apps} a on a.part = $1 and a.app = q.app join ${tail('', '')}
      union all ${posts}`),
    loadUntil: inOrder(`select q.n, q.app, ${ROW}, r.data from unnest($2::text[]) with ordinality q(app, n)
      join ${apps} a on a.part = $1 and a.app = q.app
      join lateral (
        select idx as high from ${rows} where app = a.id and seq = $3 and kind <> 'note' and ($4::integer is null or epoch = $4)
        order by idx desc limit 1
      ) s on true join ${tail(' and idx <= s.high', ' and r.idx <= s.high')}
      union all ${posts}`),
    history: `select a.app, ${ROW} from ${apps} a join ${rows} r on r.app = a.id where a.part = $1 and a.app = $2 order by r.idx`,
    newest: `select app, born from ${apps} where part = $1 and app = root and exists (select 1 from ${rows} r where r.app = ${apps}.id)
      order by born desc, id desc limit $2`,
    older: `select app, born from ${apps} a where part = $1 and app = root and exists (select 1 from ${rows} r where r.app = a.id)
      and (born, id) < (
        select born, id from ${apps} where part = $1 and app = $3 union all select $4::bigint, 0 limit 1
      ) order by born desc, id desc limit $2`,
    forget: `with gone as (delete from ${apps} where part = $1 and root = $2 returning id),
      r as (delete from ${rows} where app in (select id from gone)),
      i as (delete from ${inbox} where part = $1 and root = $2)
      delete from ${owners} where part = $1 and root = $2 returning 1`,
    post: `with put as (insert into ${inbox} (part, app, root, data) values ($1, $2, $3, $4) returning id)
      select id, pg_notify($5, $6) from put`,
    inbox: `select id, app, data from ${inbox} where part = $1 and root = $2 order by id`,
  }
}
