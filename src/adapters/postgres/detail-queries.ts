import { ENDED } from '../../persistence/due.js'
import type { BelowPage, WaitPage } from '../../persistence/summary.js'
import { limitOf, Question } from './question.js'
import type { Asked } from './session.js'
import { LAST, partText, SUMMARY, storable } from './stored-summaries.js'
import { labelNamed } from './summary-schema.js'
import type { Tables } from './tables.js'

// Owns: the questions about applications below others, and about open questions.

export function belowQuery(tables: Tables, page: BelowPage): Asked {
  const { partitionKey, parentId, epoch, map, visit, status, limit, after } = page
  const question = new Question(tables, 'below')
  const conditions = [
    'a.parent is not null and a.status is not null',
    `a.part = ${question.bind(partText(partitionKey))} and a.parent = ${question.bind(parentId)}`,
  ]
  if (epoch !== undefined) conditions.push(question.part('e', `a.parent_epoch = ${question.bind(epoch)}`))
  if (map !== undefined) conditions.push(question.part('m', `a.map = ${question.bind(storable(map))}`))
  if (visit !== undefined) conditions.push(question.part('v', `a.visit = ${question.bind(visit)}`))
  if (status !== undefined) conditions.push(question.part('s', `a.status = any(${question.bind(status)}::text[])`))
  if (after !== undefined) {
    const place = `${question.bind(after.index)}::integer, ${question.bind(storable(after.appId))}`
    conditions.push(question.part('a', `(a.place, a.app collate "C") > (${place})`))
  }
  const order = 'a.place, a.app collate "C"'
  const head = `select a.id, a.place, a.app from ${tables.apps} a where ${conditions.join(' and ')}
    order by ${order} limit ${question.bind(limitOf(limit))}`
  return question.ask(
    `select ${SUMMARY}, ${LAST} from (${head}) h join ${tables.apps} a on a.id = h.id
    left join lateral (select * from ${tables.rows} where app = a.id order by idx desc limit 1) r on true
    order by ${order}`,
  )
}

export function countBelowQuery(tables: Tables, partitionKey: string | null, parentId: string): Asked {
  const question = new Question(tables, 'countBelow')
  const is = `part = ${question.bind(partText(partitionKey))} and parent = ${question.bind(parentId)}`
  const group = 'parent_epoch, step, map, visit, status'
  return question.ask(
    `select ${group}, count(*) as count from ${tables.apps}
    where ${is} and parent is not null and status is not null group by ${group}`,
  )
}

export function summariesQuery(tables: Tables, partitionKey: string | null, appIds: readonly string[]): Asked {
  const question = new Question(tables, 'summaries')
  const part = question.bind(partText(partitionKey))
  return question.ask(
    `select q.n, ${SUMMARY} from unnest(${question.bind(appIds)}::text[]) with ordinality q(app, n)
    join ${tables.apps} a on a.part = ${part} and a.app = q.app and a.status is not null`,
  )
}

const OLDEST_FIRST = 'w.since, w.name collate "C", w.n'
const PART = 'w.part collate "C"'

/** A page for each kind is read in order; a question that takes several of them is in several pages. */
export function waitsQuery(tables: Tables, page: WaitPage): Asked {
  const { partitionKey, rootId, kinds, answered = false, labels = {}, limit, after } = page
  const question = new Question(tables, 'waits')
  const order = partitionKey === undefined ? `${OLDEST_FIRST}, ${PART}` : OLDEST_FIRST
  const conditions = [
    question.part(answered ? 'y' : 'n', `w.answered = ${answered}`),
    `not exists (select 1 from ${tables.apps} r where r.part = w.part and r.app = w.root and r.status in (${ENDED.map((one) => `'${one}'`).join()}))`,
  ]
  if (partitionKey !== undefined)
    conditions.push(question.part('p', `w.part = ${question.bind(partText(partitionKey))}`))
  if (rootId !== undefined) conditions.push(question.part('r', `w.root = ${question.bind(rootId)}`))
  for (const [label, value] of Object.entries(labels)) {
    question.unprepared()
    const is = `l.label = ${question.bind(labelNamed(storable(label)))} and l.value = ${question.bind(storable(value))}`
    conditions.push(
      `exists (select 1 from ${tables.apps} a join ${tables.labels} l on l.app = a.id
        where a.part = w.part and a.app = w.root and ${is})`,
    )
  }
  if (after !== undefined) {
    const place = `${question.bind(after.since)}::double precision, ${question.bind(storable(after.appId))}, ${question.bind(after.n)}::integer`
    const last = partitionKey === undefined ? `, ${question.bind(partText(after.partitionKey))}` : ''
    conditions.push(question.part('a', `(${order}) > (${place}${last})`))
  }
  const most = question.bind(limitOf(limit))
  const head = (more: string): string =>
    `select w.* from ${tables.waits} w where ${[...conditions, more].join(' and ')} order by ${order} limit ${most}`
  const source =
    kinds === undefined
      ? head('w.k = 0')
      : question.part(
          'k',
          `select * from (
            select distinct on (h.app, h.seq, h.n) h.* from unnest(${question.bind([...new Set(kinds.map(storable))])}::text[]) q(kind)
            cross join lateral (${head('w.kind = q.kind')}) h order by h.app, h.seq, h.n
          ) w order by ${order} limit ${most}`,
        )
  return question.ask(
    `select w.id, w.seq, w.n, w.kinds, w.since, w.until, w.facts, w.part, w.root, w.name, w.answered, a.title, a.labels
    from (${source}) w
    left join lateral (select * from ${tables.apps} where part = w.part and app = w.root limit 1) a on true order by ${order}`,
  )
}
