import { answeredOf, type PostedKind } from '../../persistence/answered.js'
import { ofAnotherTree } from '../../persistence/faults.js'
import type {
  AppSummary,
  BelowCount,
  BelowPage,
  DuePage,
  OpenQuestion,
  RunCounts,
  RunPage,
  RunQuery,
  StoredBelow,
  StoredRun,
  StoredWait,
  SummaryStatus,
  WaitPage,
} from '../../persistence/summary.js'
import { type Label, RunQuestions, searched } from './run-questions.js'
import { type Names, namesOf } from './schema.js'
import type { Session } from './session.js'
import { type Bytes, pageRows, type StoredRoot, textOf } from './stored-rows.js'
import {
  type StoredBelowRow,
  type StoredPlace,
  type StoredQuestionRow,
  type StoredRunRow,
  type StoredSummaryRow,
  type StoredWaitRow,
  toLabels,
  toParent,
  toPosition,
  toQuestion,
  toRun,
  toSummary,
} from './stored-summaries.js'
import { appsBelow, countsBelow, openQuestions } from './wait-questions.js'

// Owns: the summaries of a file, and the questions about them. The driver calls it within its transactions.
// Does not own: rows and messages (sqlite-driver.ts).

type Held = Omit<AppSummary, 'waits' | 'taken' | 'wake'>

/** A label of more roots is not counted further. */
const MANY = 1000

/** The application of a summary, in its tree. */
interface Place {
  readonly part: string
  readonly rootId: string
  readonly writer: string
  /** The order of its first row, if that is stored with the summary. */
  readonly born: number | undefined
  /** The end of the lease of the tree. */
  readonly lease: number
}

export class Summaries {
  readonly #session: Session
  readonly #names: Names
  readonly #runs: RunQuestions
  readonly #now: () => number

  constructor(session: Session, prefix: string, now: () => number) {
    this.#session = session
    this.#names = namesOf(prefix)
    this.#runs = new RunQuestions(this.#names)
    this.#now = now
  }

  /** @throws {PersistenceError} `conflict` when the application is in another tree */
  put(summary: AppSummary, place: Place): void {
    const { appId, parent, name, title, labels, waits, taken } = summary
    const { part, rootId, born } = place
    const plain = [born, parent, name, title, labels].every((one) => one === undefined)
    if (!plain || !this.#update(summary, place)) this.#insert(summary, place)
    if (waits !== undefined) this.#ask(part, rootId, appId, waits, taken)
  }

  #update(summary: AppSummary, { part, rootId, lease }: Place): boolean {
    return this.#session.run(this.#session.sql.update(), [...changing(summary, lease), part, summary.appId, rootId]) > 0
  }

  #insert(summary: AppSummary, { part, rootId, writer, born, lease }: Place): void {
    const { appId, parent, name, title, labels } = summary
    const isRoot = appId === rootId
    const before = isRoot ? this.#labelsOf(part, appId) : undefined
    const { epoch, sequenceId, map, visit, key, index } = parent ?? {}
    const staying = [parent?.appId, epoch, sequenceId, map, visit, key, index, name, title]
    const changed = this.#session.run(this.#session.sql.put(), [
      part,
      appId,
      rootId,
      born ?? UNBORN,
      isRoot ? (born ?? null) : null,
      isRoot ? searched(appId, title) : null,
      ...changing(summary, lease),
      ...staying.map((one) => one ?? null),
      labels === undefined ? null : JSON.stringify(labels),
    ])
    if (changed === 0) throw this.#strange(part, appId, rootId, writer)
    if (isRoot) this.#label(part, appId, before)
  }

  #strange(part: string, appId: string, rootId: string, writer: string): Error {
    const found = this.#session.sql.rootOf().get(part, appId) as StoredRoot | undefined
    return ofAnotherTree(appId, writer, found === undefined ? rootId : textOf(found.root))
  }

  /** Stores a root or another application before its first row. */
  begin(part: string, rootId: string, appId: string, born: number): void {
    const isRoot = appId === rootId
    const before = isRoot ? this.#labelsOf(part, appId) : undefined
    const { begin } = this.#session.sql
    this.#session.run(begin(), [part, appId, rootId, born, isRoot ? born : null, isRoot ? searched(appId) : null])
    if (before !== undefined) this.#label(part, appId, before)
  }

  #labelsOf(part: string, rootId: string): Labelled | undefined {
    return this.#session.sql.labels().get(part, rootId) as Labelled | undefined
  }

  /** Brings the table of labels up to date. @param before the stored labels before the change */
  #label(part: string, rootId: string, before: Labelled | undefined): void {
    const after = this.#labelsOf(part, rootId)
    const { label, unlabel } = this.#session.sql
    if (sameLabels(before, after)) return
    for (const [name, value] of entriesOf(before)) unlabel().run(part, name, value, before?.born ?? UNBORN, rootId)
    for (const [name, value] of entriesOf(after)) label().run(part, name, value, after?.born ?? UNBORN, rootId)
  }

  /** Replaces the open questions of an application, with the answers that lie in its inbox. */
  #ask(part: string, rootId: string, appId: string, waits: readonly StoredWait[], taken?: readonly number[]): void {
    const { waits: stored, wait, unwait } = this.#session.sql
    const before = pageRows<StoredWaitRow>(stored().get(part, appId))
    if (before.length === 0 && waits.length === 0) return
    const known = new Map(before.map((row) => [row.id, row]))
    const answers = answeredOf(waits, waits.length === 0 ? [] : this.#inboxOf(part, appId), taken)
    if (before.length === waits.length && waits.every((one) => isSame(one, known.get(one.id), answers))) return
    if (before.length > 0) unwait().run(part, appId)
    for (const { id, sequenceId, n, kinds, since, until, facts } of waits) {
      const answered = answers.has(id) ? 1 : 0
      for (const [k, kind] of (kinds.length === 0 ? [null] : kinds).entries())
        wait().run(
          ...[part, appId, sequenceId, n, k, rootId, id, kind, since, until, JSON.stringify(kinds), facts, answered],
        )
    }
  }

  #inboxOf(part: string, appId: string): readonly PostedKind[] {
    const found = this.#session.sql.kinds().all(part, appId) as readonly { id: number; kind: Bytes | null }[]
    return found.map(({ id, kind }) => ({ id, kind: kind === null ? null : textOf(kind) }))
  }

  /** A message was stored: answers the oldest open question that takes its kind. */
  posted(part: string, rootId: string, appId: string, kind: string): void {
    const { asked, answer } = this.#session.sql
    const found = asked().get(part, appId, kind) as Pick<StoredWaitRow, 'seq' | 'n'> | undefined
    if (found === undefined) return
    answer().run(part, appId, found.seq, found.n)
    this.wake(part, rootId)
  }

  /** Makes a root due that waits, if a question of its tree is answered. */
  wake(part: string, rootId: string): void {
    const now = this.#now()
    this.#session.sql.wakeUp().run(now, now, part, rootId)
  }

  /** The lease of a root has changed. */
  leased(part: string, rootId: string, until: number): void {
    this.#session.sql.leased().run(until, until, part, rootId)
  }

  /** Forgets the labels and the questions of a root; called while its application is stored. */
  forget(part: string, rootId: string): void {
    const { unlabel, forgetWaits } = this.#session.sql
    const before = this.#labelsOf(part, rootId)
    for (const [name, value] of entriesOf(before)) unlabel().run(part, name, value, before?.born ?? UNBORN, rootId)
    forgetWaits().run(rootId, part)
  }

  find(part: string, rootId: string): StoredRun | undefined {
    const [row] = this.#session.page<StoredRunRow>(this.#runs.find(part, rootId))
    return row && toRun(row, this.#now())
  }

  list({ limit, ...query }: RunPage): readonly StoredRun[] {
    const now = this.#now()
    const asked = this.#runs.list({ ...query, ...this.#way(query, false), now }, limit)
    if (asked === undefined) return []
    return this.#session.page<StoredRunRow>(asked).map((row) => toRun(row, now))
  }

  /** The labels of a question, and whether the first one, which has the fewest roots, drives. */
  #way(query: RunQuery, counted: boolean): { readonly has: readonly Label[]; readonly byLabel: boolean } {
    const has = Object.entries(query.labels ?? {})
    const { status, retrying, leaked, pending, unsummarised } = query
    const other = counted || status !== undefined || [retrying, leaked, pending, unsummarised].includes(true)
    if (has.length === 0 || (has.length === 1 && !other)) return { has, byLabel: has.length > 0 }
    const sized = has.map((label) => ({ label, size: this.#sizeOf(query, label) })).sort((a, b) => a.size - b.size)
    return { has: sized.map(({ label }) => label), byLabel: !other || (sized[0]?.size ?? 0) < MANY }
  }

  #sizeOf(query: RunQuery, label: Label): number {
    const [row] = this.#session.all(this.#runs.labelled(query, label, MANY)) as readonly { readonly count: number }[]
    return row?.count ?? 0
  }

  count(query: RunQuery, upTo: number): RunCounts {
    const counts: { [S in SummaryStatus]?: number } = {}
    const asked = this.#runs.count({ ...query, ...this.#way(query, true), now: this.#now() }, upTo)
    if (asked === undefined) return counts
    const rows = this.#session.all(asked) as readonly { readonly status: Bytes | null; readonly count: number }[]
    for (const { status, count } of rows) {
      if (status === null || count === 0) continue
      const is = textOf(status) as SummaryStatus
      counts[is] = Math.min(upTo, (counts[is] ?? 0) + count)
    }
    return counts
  }

  due({ before = this.#now(), ...page }: DuePage): readonly StoredRun[] {
    return this.#session.page<StoredRunRow>(this.#runs.due(page, before)).map((row) => toRun(row, this.#now()))
  }

  below(page: BelowPage): readonly StoredBelow[] {
    const found: StoredBelow[] = []
    if (page.status?.length === 0) return found
    for (const row of this.#session.page<StoredBelowRow>(appsBelow(this.#names, page))) {
      const [held, parent] = [toSummary(row), toParent(row)]
      if (held === undefined || parent === undefined) continue
      const { labels: _, ...summary } = held
      found.push({ appId: held.appId, summary: { ...summary, parent }, last: toPosition(row) })
    }
    return found
  }

  countBelow(part: string, parentId: string): readonly BelowCount[] {
    return (this.#session.all(countsBelow(this.#names, part, parentId)) as readonly StoredCount[]).map(
      ({ pepoch, pseq, map, visit, status, count }) => ({
        epoch: pepoch,
        sequenceId: pseq,
        map: textOf(map),
        visit,
        status: textOf(status) as SummaryStatus,
        count,
      }),
    )
  }

  summaries(part: string, appIds: readonly string[]): readonly (Held | undefined)[] {
    return appIds.map((appId) => {
      const [row] = pageRows<StoredSummaryRow & StoredPlace>(this.#session.sql.summary().get(part, appId))
      const held = row && toSummary(row)
      return held && { ...held, parent: toParent(row) }
    })
  }

  waits(page: WaitPage): readonly OpenQuestion[] {
    const asked = openQuestions(this.#names, page)
    return asked === undefined ? [] : this.#session.page<StoredQuestionRow>(asked).map(toQuestion)
  }
}

/** The birth of an application without rows. */
const UNBORN = -1

/** The labels of a root in the table of applications. */
interface Labelled {
  readonly born: number
  readonly labels: Bytes | null
}
type StoredCount = Pick<StoredPlace, 'pepoch' | 'pseq' | 'visit'> & {
  readonly map: Bytes
  readonly status: Bytes
  readonly count: number
}

/** The labels; none where a damaged file holds others, so that the root can still be written and deleted. */
function entriesOf(stored: Labelled | undefined): readonly Label[] {
  try {
    return Object.entries(toLabels(stored?.labels == null ? null : textOf(stored.labels)) ?? {})
  } catch {
    return []
  }
}

const sameLabels = (a: Labelled | undefined, b: Labelled | undefined): boolean =>
  a?.born === b?.born && textOf(a?.labels ?? NOTHING) === textOf(b?.labels ?? NOTHING)
const NOTHING = new Uint8Array()

/** Whether a stored question is the same: then nothing is written. */
function isSame({ kinds, ...wait }: StoredWait, row: StoredWaitRow | undefined, answers: ReadonlySet<string>): boolean {
  if (row === undefined || (row.answered === 1) !== answers.has(wait.id)) return false
  if (row.kinds !== JSON.stringify(kinds) || row.facts !== wait.facts) return false
  const of = [row.seq, row.n, row.since, row.until]
  return [wait.sequenceId, wait.n, wait.since, wait.until].every((one, i) => one === of[i])
}

/** The values of the columns that each summary replaces. */
function changing({ status, since, pending, retrying, leaked, wake, nextAt, facts }: AppSummary, lease: number) {
  const ends = wake === 'lease' ? lease : null
  return [status, since, pending, retrying, leaked, wake === 'lease' ? lease : wake, ends, nextAt, facts] as const
}
