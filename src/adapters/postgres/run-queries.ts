import type { RootKey } from '../../persistence/driver.js'
import { isEnded, STATUSES } from '../../persistence/due.js'
import type { DuePage, RunPage, RunQuery, SummaryStatus } from '../../persistence/summary.js'
import { CLOCK, EXPIRED, limitOf, Question, RUN } from './question.js'
import type { Asked } from './session.js'
import { partText, storable } from './stored-summaries.js'
import { labelNamed, NAME_LABEL } from './summary-schema.js'
import type { Tables } from './tables.js'

// Owns: the questions about root applications.
// Q1  A page over several statuses joins one page of each, so each is read from its index in order.
// Q2  A question with labels or a text is not prepared: the best plan depends on how common they are.

const NEWEST_FIRST = 'a.born desc, a.app collate "C" desc, a.part collate "C" desc'

/** Conditions of the runs that count in a status: one for each index that is read. */
function conditionsOf(status: SummaryStatus): readonly string[] {
  const is = `a.status = '${status}'`
  if (status === 'interrupted') return [is, `${EXPIRED} and a.status <> '${status}'`]
  return [isEnded(status) ? is : `${is} and not (${EXPIRED})`]
}

/** Labels of the query, and the name of its graph. */
const labelsOf = ({ name, labels = {} }: RunQuery): readonly (readonly [label: string, value: string])[] => [
  ...Object.entries(labels).map(([label, value]) => [labelNamed(storable(label)), storable(value)] as const),
  ...(name === undefined ? [] : [[NAME_LABEL, storable(name)] as const]),
]

/** The filters of a query, without its statuses. */
class Filter {
  /** Columns of the order: those of the label where one is read in order. */
  readonly born: string
  readonly app: string
  readonly part: string
  readonly inOnePart: boolean
  readonly #from: string
  readonly #conditions: string[] = []

  /** @param ordered whether the page is read in the order of a label, if there is one */
  constructor(question: Question, query: RunQuery, ordered: boolean) {
    const { apps, labels } = question.tables
    const { partitionKey, createdFrom, createdTo, retrying, pending, leaked, text, unsummarised } = query
    const wanted = labelsOf(query)
    const table = ordered && wanted.length > 0 ? 'l0' : 'a'
    if (table === 'a') this.where(RUN) // only roots have labels; the condition misleads the plan of a join
    this.born = `${table}.born`
    this.app = `${table === 'a' ? 'a.app' : 'l0.root'} collate "C"`
    this.part = `${table}.part collate "C"`
    this.inOnePart = partitionKey !== undefined
    const of = partitionKey === undefined ? undefined : question.part('p', question.bind(partText(partitionKey)))
    if (of !== undefined) this.where(`a.part = ${of}`)
    const joins = wanted.map(([label, value], i) => {
      question.unprepared() // Q2
      const here = of === undefined ? '' : ` and l${i}.part = ${of}`
      const is = `l${i}.label = ${question.bind(label)} and l${i}.value = ${question.bind(value)}${here}`
      return ` join ${labels} l${i} on l${i}.app = a.id and ${is} and l${i}.born is not null`
    })
    this.#from = `${apps} a${joins.join('')}`
    const order = (time: number): string => `${question.bind(Math.ceil(time * 1024))}::bigint`
    if (createdFrom !== undefined) this.where(question.part('f', `${this.born} >= ${order(createdFrom)}`))
    if (createdTo !== undefined) this.where(question.part('t', `${this.born} < ${order(createdTo)}`))
    if (retrying === true) this.where(question.part('r', 'a.retrying > 0'))
    if (pending === true) this.where(question.part('w', 'a.pending > 0'))
    if (leaked === true) this.where(question.part('l', 'a.leaked > 0'))
    if (unsummarised === true) this.where(question.part('u', 'a.status is null'))
    if (text === undefined) return
    question.unprepared()
    const part = `lower(${question.bind(storable(text))}::text)`
    this.where(`(strpos(lower(a.app), ${part}) > 0 or strpos(lower(coalesce(a.title, '')), ${part}) > 0)`)
  }

  where(condition: string): void {
    this.#conditions.push(condition)
  }

  /** @param more a condition of its own */
  select(columns: string, more: string | undefined): string {
    const conditions = more === undefined ? this.#conditions : [...this.#conditions, more]
    return `select ${columns} from ${this.#from} where ${['true', ...conditions].join(' and ')}`
  }
}

export function listQuery(tables: Tables, { limit, after, ...query }: RunPage): Asked {
  const question = new Question(tables, 'list')
  const filter = new Filter(question, query, query.status === undefined)
  if (after !== undefined) {
    const place = [`${question.bind(after.born)}::bigint`, question.bind(storable(after.rootId))]
    const columns = [filter.born, filter.app]
    if (!filter.inOnePart) {
      columns.push(filter.part)
      place.push(question.bind(partText(after.partitionKey)))
    }
    filter.where(question.part('a', `(${columns.join(', ')}) < (${place.join(', ')})`))
  }
  const most = question.bind(limitOf(limit))
  const order = `${filter.born} desc, ${filter.app} desc${filter.inOnePart ? '' : `, ${filter.part} desc`}`
  const page = (condition?: string): string => `${filter.select('a.*', condition)} order by ${order} limit ${most}`
  if (query.status === undefined) return question.runs(page(), NEWEST_FIRST)
  const pages = statusesOf(question, query.status).flatMap(conditionsOf).map(page)
  if (pages.length === 0) return question.runs(page('false'), NEWEST_FIRST)
  const all = pages.map((one) => `(${one})`).join(' union all ') // Q1
  return question.runs(`select * from (${all}) a order by ${NEWEST_FIRST} limit ${most}`, NEWEST_FIRST)
}

/** The wanted statuses. Their numbers are added to the name. */
function statusesOf(question: Question, wanted: readonly SummaryStatus[]): readonly SummaryStatus[] {
  const found = STATUSES.filter((status) => wanted.includes(status))
  question.part(`s${found.map((status) => STATUSES.indexOf(status)).join('')}`, '')
  return found
}

/** Rows: `status`, `count`. */
export function countQuery(tables: Tables, query: RunQuery, upTo: number): Asked {
  const question = new Question(tables, 'count')
  const filter = new Filter(question, query, false)
  const most = question.bind(limitOf(upTo))
  const count = (status: string, conditions: readonly string[]): string => {
    const all = conditions.map((condition) => `(${filter.select('1', condition)} limit ${most})`)
    return `select '${status}' as status, (select count(*) from (${all.join(' union all ')}) c) as count`
  }
  const wanted = statusesOf(question, query.status ?? STATUSES)
  if (wanted.length === 0) return question.ask(count('none', ['false']))
  return question.ask(wanted.map((status) => count(status, conditionsOf(status))).join(' union all '))
}

export function findQuery(tables: Tables, { partitionKey, rootId }: RootKey): Asked {
  const question = new Question(tables, 'find')
  const is = `a.part = ${question.bind(partText(partitionKey))} and a.app = ${question.bind(rootId)}`
  return question.runs(`select a.* from ${tables.apps} a where ${RUN} and ${is}`, 'a.id')
}

export function dueQuery(tables: Tables, { partitionKey, before, limit, after }: DuePage): Asked {
  const question = new Question(tables, 'due')
  const order = 'a.wake, a.part collate "C", a.app collate "C"'
  const conditions = [RUN, 'a.wake is not null']
  if (partitionKey !== undefined)
    conditions.push(question.part('p', `a.part = ${question.bind(partText(partitionKey))}`))
  conditions.push(
    before === undefined
      ? `a.wake <= ${CLOCK}`
      : question.part('b', `a.wake <= ${question.bind(before)}::double precision`),
  )
  if (after !== undefined) {
    const { wakeAt, rootId } = after
    const place = `${question.bind(wakeAt)}::double precision, ${question.bind(partText(after.partitionKey))}, ${question.bind(rootId)}`
    conditions.push(question.part('a', `(${order}) > (${place})`))
  }
  const all = `from ${tables.apps} a where ${conditions.join(' and ')}`
  return question.runs(`select a.* ${all} order by ${order} limit ${question.bind(limitOf(limit))}`, order)
}
