import type { AppSummary } from '../../persistence/summary.js'
import { list, type StatementParts } from './statement-parts.js'
import { labelsOf, waitColumns } from './stored-summaries.js'
import { NAME_LABEL } from './summary-schema.js'

// Owns: the parts of a save that write labels and open questions, and find answers. They read the part `kept`: the
// applications that the save writes.

const WAIT = {
  ...{ seq: 'integer', n: 'integer', k: 'integer', kind: 'text', id: 'text', since: 'double precision' },
  ...{ until: 'double precision', kinds: 'text', facts: 'text' },
} as const

/** @param begun whether the group has the first row of the root: labels that were stored before it get its order */
export function addLabels(parts: StatementParts, root: AppSummary | undefined, begun: boolean): void {
  const found = root === undefined ? [] : labelsOf(root)
  if (found.length === 0 && root?.labels === undefined && !begun) return
  const { labels } = parts.tables
  const names = parts.bind(found.map(([label]) => label))
  if (begun)
    parts.add('d', () => {
      const mine = `p.app = ${parts.root} and l.app = p.id and l.born is null and l.label <> all(${names}::text[])`
      return `dated as (update ${labels} l set born = p.born from kept p where ${mine})`
    })
  if (root?.labels !== undefined)
    parts.add('u', () => {
      const others = `label <> '${NAME_LABEL}' and label <> all(${names}::text[])`
      return `unlabelled as (delete from ${labels}
        where app = (select p.id from kept p where p.app = ${parts.root}) and ${others})`
    })
  if (found.length === 0) return
  const values = parts.bind(found.map(([, value]) => value))
  parts.add(
    'b',
    () => `labelled as (insert into ${labels} as l (app, part, root, label, value, born)
      select p.id, ${parts.part}, ${parts.root}, g.label, g.value, p.born
      from kept p, unnest(${names}::text[], ${values}::text[]) g(label, value) where p.app = ${parts.root}
      on conflict (app, label) do update set value = excluded.value, born = excluded.born
      where (l.value, l.born) is distinct from (excluded.value, excluded.born))`,
  )
}

/** The questions of a save. */
export interface Matches {
  /** All of them as `g`; undefined without any. */
  readonly source: (() => string) | undefined
}

/**
 * `found`: the questions of the save that messages answer, and a row of nulls if another question of the tree is
 * answered. The root is locked before: a message that is stored meanwhile waits, and then sees the questions.
 * @param waits whether the root waits: then it is due by any answer
 * @returns undefined if there is nothing to compare
 */
export function addMatches(
  parts: StatementParts,
  summaries: readonly AppSummary[],
  taken: readonly number[],
  waits: boolean,
): Matches | undefined {
  const all = summaries.flatMap(({ appId, waits: own = [] }) => own.flatMap((wait) => waitColumns(appId, wait)))
  if (all.length === 0 && !waits) return undefined
  const given = summaries.filter((summary) => summary.waits !== undefined)
  const json = parts.bind(JSON.stringify(all))
  const appIds = parts.bind(given.map(({ appId }) => appId))
  const used = parts.bind([...taken, ...given.flatMap((summary) => summary.taken ?? [])])
  parts.add('f', () => {
    const { apps, matched } = parts.tables
    const { part, root } = parts
    const is = `part = ${part} and app = ${root} and root = ${root} and exists (select 1 from ok)`
    return `locked as materialized (select 1 from ${apps} where ${is} for no key update),
    found as materialized (select m.* from ${matched}(${part}, ${root}, ${appIds}::text[], ${json}::json, ${used}::bigint[],
      (select count(*) from locked)) m)`
  })
  if (all.length === 0) return { source: undefined }
  const columns = { app: 'text', ...WAIT }
  const named = list(columns, (column) => `${column} ${columns[column as keyof typeof columns]}`)
  return { source: () => `json_to_recordset(${json}::json) g(${named})` }
}

/**
 * Replaces the open questions of the applications whose summaries have some. One that stays is not written again.
 * @param source all of them as `g`; undefined without any
 */
export function addWaits(
  parts: StatementParts,
  summaries: readonly AppSummary[],
  source: (() => string) | undefined,
): void {
  const given = summaries.filter(({ waits }) => waits !== undefined)
  if (given.length === 0) return
  const { waits } = parts.tables
  const appIds = parts.bind(given.map(({ appId }) => appId))
  // All applications are written before: a message locks in this order, too.
  const after = '(select count(*) from kept) > 0'
  const mine = `w.app = any(array(select id from kept where app = any(${appIds}::text[])))`
  if (source === undefined) return parts.add('w', () => `closed as (delete from ${waits} w where ${after} and ${mine})`)
  const same = 'x.app = w.app and x.seq = w.seq and x.n = w.n'
  const answered = 'f.name = x.name and f.seq = x.seq and f.n = x.n'
  parts.add(
    'q',
    () => `wanted as materialized (select i.id as app, ${list(WAIT, (column) => `g.${column}`)}, i.app as name
      from ${source()} join kept i on i.app = g.app),
    closed as (delete from ${waits} w where ${after} and ${mine}
      and not exists (select 1 from wanted x where ${same} and x.k = w.k)),
    asked as (insert into ${waits} as w (app, ${list(WAIT)}, part, root, name, answered)
      select x.app, ${list(WAIT, (column) => `x.${column}`)}, ${parts.part}, ${parts.root}, x.name,
        exists (select 1 from found f where ${answered})
      from wanted x where ${after} order by x.app, x.seq, x.n, x.k
      on conflict (app, seq, n, k) do update set kind = excluded.kind, id = excluded.id, since = excluded.since,
        until = excluded.until, kinds = excluded.kinds, facts = excluded.facts,
        answered = excluded.answered
      where (w.kind, w.id, w.since, w.until, w.kinds, w.facts, w.answered) is distinct from
        (excluded.kind, excluded.id, excluded.since, excluded.until, excluded.kinds, excluded.facts,
        excluded.answered))`,
  )
}
