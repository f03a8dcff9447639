import { NOW } from './summary-schema.js'
import type { Tables } from './tables.js'

/** The statements of one persister. Values are bound, never written into the text. */
export interface Statements {
  readonly claim: string
  readonly beat: string
  readonly owner: string
  readonly rootOf: string
  readonly load: string
  readonly loadUntil: string
  readonly history: string
  readonly rows: string
  readonly forget: string
  readonly post: string
  readonly answer: string
  readonly inbox: string
}

/** Statements that change nothing. */
export const READS: ReadonlySet<keyof Statements> = new Set([
  ...(['owner', 'rootOf', 'load', 'loadUntil', 'history', 'rows', 'inbox'] as const),
])

const ROW = 'r.idx, r.kind, r.epoch, r.seq, r.label, r.ord'

export function statementsOf({ rows, apps, owners, inbox, answer, forget }: Tables): Statements {
  const lease = (ms: string): string =>
    `case when ${ms}::double precision = 0 then 0 else ${NOW} + ${ms}::double precision end`
  // A root that a lease holds is due at its end.
  const waked = `waked as (update ${apps} a set wake = p.lease from put p where part = $1 and app = $2 and root = $2 and leased)`
  const tail = (low: string, high: string): string =>
    `lateral (select coalesce((select idx from ${rows} where app = a.id and kind = 'full'${low} order by idx desc limit 1), 0) as low) f on true
     join ${rows} r on r.app = a.id and r.idx >= f.low${high}`
  const posts = `select q.n, q.app, null::integer, 'post', null::integer, null::integer, null, i.id, i.data
     from unnest($2::text[]) with ordinality q(app, n) join ${inbox} i on i.part = $1 and i.app = q.app`
  const inOrder = (select: string): string => `select * from (${select}) t order by n, kind = 'post', idx, ord`
  return {
    // It waits for a lock before it compares, so `before` is the last claim; null for a first one at the same time.
    claim: `with other as (select root from ${apps} where part = $1 and app = $2 and root <> $2),
      before as materialized (
        select writer, fence, worker, lease from ${owners} where part = $1 and root = $2 for update
      ),
      put as (
        insert into ${owners} as o (part, root, writer, count, fence, lease, worker)
        select $1, $2, $3, 0, $4, ${lease('$5')}, $7 from (select count(*) from before) b
        where not exists (select 1 from other)
        on conflict (part, root) do update set writer = excluded.writer, count = o.count + 1,
        fence = greatest(o.fence, excluded.fence), lease = excluded.lease, worker = excluded.worker,
        beat = null, beat_at = null
        where (excluded.fence = -1 or excluded.fence >= o.fence)
          and (not $6::boolean or o.writer = excluded.writer or o.lease <= ${NOW}) returning count, lease
      ),
      ${waked}
      select (select count from put) as count, (select root from other) as other, b.writer as before, b.fence, b.worker,
        b.lease from (select 1) one left join before b on true`,
    beat: `with put as (
        update ${owners} set lease = ${lease('$4')}, beat = coalesce($5, beat),
          beat_at = case when $5::text is null then beat_at else ${NOW} end
        where part = $1 and root = $2 and writer = $3 returning lease
      ),
      ${waked}
      select lease, case when $4 = 0 then pg_notify($6, $1 || '/' || $2)::text end from put`,
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
    rows: `select a.app, ${ROW}, r.data from ${apps} a join ${rows} r on r.app = a.id and r.idx >= $3::bigint
      where a.part = $1 and a.app = $2 order by r.idx limit $4`,
    forget: `select ${forget}($1, $2) as known`,
    post: `with put as (insert into ${inbox} (part, app, root, data) values ($1, $2, $3, $4) returning id)
      select id, pg_notify($5, $6)::text from put`,
    answer: `select ${answer}($1, $2, $3, $4, $7, $8) as id, pg_notify($5, $6)::text`,
    inbox: `select id, app, data from ${inbox} where part = $1 and root = $2 order by id`,
  }
}
