import { answeredOf, type PostedKind } from './answered.js'
import { isEnded } from './due.js'
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
  StoredClaim,
  StoredPosition,
  StoredRun,
  StoredWait,
  SummaryStatus,
  WaitPage,
} from './summary.js'

// Owns: the summaries of a store in memory, and the questions about them.
// Does not own: rows and messages (memory-driver.ts).

type Held = Omit<AppSummary, 'waits' | 'taken' | 'wake'>

interface HeldWait extends StoredWait {
  answered: boolean
}

/** One stored application, as far as summaries are concerned. */
interface Entry {
  readonly partitionKey: string | null
  readonly rootId: string
  readonly appId: string
  held: Held | undefined
  leased: boolean
  wakeAt: number | null
  waits: HeldWait[]
}

/** The facts of an application that its rows and its claim hold. */
export interface RowSource {
  /** Order of its first row; undefined without rows. */
  born(partitionKey: string | null, appId: string): number | undefined
  last(partitionKey: string | null, appId: string): StoredPosition | undefined
  claim(partitionKey: string | null, rootId: string): StoredClaim | undefined
  /** Its messages, oldest first. */
  inbox(partitionKey: string | null, appId: string): readonly PostedKind[]
}

/** The root applications and the applications below them. */
export class MemorySummaries {
  readonly #entries = new Map<string, Entry>()
  readonly #rows: RowSource
  readonly #now: () => number

  constructor(rows: RowSource, now: () => number) {
    this.#rows = rows
    this.#now = now
  }

  /** Stores that an application has rows. */
  add(partitionKey: string | null, rootId: string, appId: string): void {
    this.#entryOf(partitionKey, rootId, appId)
  }

  put(
    partitionKey: string | null,
    rootId: string,
    { waits, taken, wake, ...held }: AppSummary,
    leaseUntil: number,
  ): void {
    const entry = this.#entryOf(partitionKey, rootId, held.appId)
    const { parent, name, title, labels } = entry.held ?? {}
    entry.held = {
      ...held,
      parent: held.parent ?? parent,
      name: held.name ?? name,
      title: held.title ?? title,
      labels: held.labels ?? labels,
    }
    entry.leased = wake === 'lease'
    entry.wakeAt = wake === 'lease' ? leaseUntil : wake
    if (waits === undefined) return
    const answered = answeredOf(waits, this.#rows.inbox(partitionKey, held.appId), taken)
    entry.waits = waits.map((wait) => ({ ...wait, answered: answered.has(wait.id) }))
  }

  /** The lease of a root has changed. */
  leased(partitionKey: string | null, rootId: string, until: number): void {
    const entry = this.#entries.get(keyOf(partitionKey, rootId))
    if (entry?.leased === true) entry.wakeAt = until
  }

  /** A message was stored: answers the oldest open question that takes its kind. @returns whether there is one */
  posted(partitionKey: string | null, rootId: string, appId: string, kind: string): boolean {
    const waits = this.#entries.get(keyOf(partitionKey, appId))?.waits ?? []
    const wait = [...waits].sort(byAge).find((one) => !one.answered && one.kinds.includes(kind))
    if (wait === undefined) return false
    wait.answered = true
    this.wake(partitionKey, rootId)
    return true
  }

  /** Makes a root due that waits, if a question of its tree is answered. @returns whether it is */
  wake(partitionKey: string | null, rootId: string): boolean {
    const root = this.#entries.get(keyOf(partitionKey, rootId))
    if (root?.held?.status !== 'waiting') return false
    const isAnswered = [...this.#entries.values()].some(
      (one) => one.partitionKey === partitionKey && one.rootId === rootId && one.waits.some(({ answered }) => answered),
    )
    if (isAnswered) root.wakeAt = Math.min(root.wakeAt ?? Infinity, this.#now())
    return isAnswered
  }

  forget(partitionKey: string | null, rootId: string): void {
    for (const [key, entry] of [...this.#entries])
      if (entry.partitionKey === partitionKey && entry.rootId === rootId) this.#entries.delete(key)
  }

  find(partitionKey: string | null, rootId: string): StoredRun | undefined {
    const entry = this.#entries.get(keyOf(partitionKey, rootId))
    return entry?.rootId === rootId ? this.#runOf(entry) : undefined
  }

  list({ limit, after, ...query }: RunPage): readonly StoredRun[] {
    const found = this.#roots(query).sort(newestFirst)
    return (after === undefined ? found : found.filter((run) => newestFirst(after, run) < 0)).slice(0, limit)
  }

  count(query: RunQuery, upTo: number): RunCounts {
    const counts: { [S in SummaryStatus]?: number } = {}
    for (const run of this.#roots(query)) {
      const status = statusOf(run)
      if (status !== undefined) counts[status] = Math.min(upTo, (counts[status] ?? 0) + 1)
    }
    return counts
  }

  below({ partitionKey, parentId, epoch, map, visit, status, limit, after }: BelowPage): readonly StoredBelow[] {
    const found: StoredBelow[] = []
    for (const { appId, held, partitionKey: partition } of this.#entries.values()) {
      const { parent } = held ?? {}
      if (held === undefined || partition !== partitionKey || parent?.appId !== parentId) continue
      if (epoch !== undefined && parent.epoch !== epoch) continue
      if (map !== undefined && parent.map !== map) continue
      if (visit !== undefined && parent.visit !== visit) continue
      if (status !== undefined && !status.includes(held.status)) continue
      const { labels: _, ...summary } = held
      const one = { appId, summary: { ...summary, parent }, last: this.#rows.last(partitionKey, appId) }
      if (after === undefined || byPlace(one, after) > 0) found.push(one)
    }
    return found.sort((a, b) => byPlace(a, { index: b.summary.parent.index, appId: b.appId })).slice(0, limit)
  }

  countBelow(partitionKey: string | null, parentId: string): readonly BelowCount[] {
    const counts = new Map<string, { -readonly [K in keyof BelowCount]: BelowCount[K] }>()
    for (const { held, partitionKey: partition } of this.#entries.values()) {
      const { parent } = held ?? {}
      if (held === undefined || partition !== partitionKey || parent?.appId !== parentId) continue
      const { epoch, sequenceId, map, visit } = parent
      const key = JSON.stringify([epoch, sequenceId, map, visit, held.status])
      const known = counts.get(key)
      if (known === undefined) counts.set(key, { epoch, sequenceId, map, visit, status: held.status, count: 1 })
      else known.count += 1
    }
    return [...counts.values()]
  }

  summaries(partitionKey: string | null, appIds: readonly string[]): readonly (Held | undefined)[] {
    return appIds.map((appId) => this.#entries.get(keyOf(partitionKey, appId))?.held)
  }

  waits({ partitionKey, rootId, kinds, answered = false, labels, limit, after }: WaitPage): readonly OpenQuestion[] {
    const found: OpenQuestion[] = []
    for (const entry of this.#entries.values()) {
      if (entry.waits.length === 0 || (partitionKey !== undefined && entry.partitionKey !== partitionKey)) continue
      if (rootId !== undefined && entry.rootId !== rootId) continue
      const root = this.#entries.get(keyOf(entry.partitionKey, entry.rootId))?.held
      if (!hasLabels(root?.labels, labels) || (root !== undefined && isEnded(root.status))) continue
      const { appId } = entry
      for (const wait of entry.waits) {
        if (wait.answered !== answered || (kinds !== undefined && !wait.kinds.some((one) => kinds.includes(one))))
          continue
        const { partitionKey: partition, rootId: id } = entry
        const of = { partitionKey: partition, rootId: id, appId, title: root?.title, labels: root?.labels ?? {} }
        const question = { ...wait, ...of }
        if (after === undefined || oldestFirst(question, after) > 0) found.push(question)
      }
    }
    return found.sort(oldestFirst).slice(0, limit)
  }

  due({ partitionKey, before = this.#now(), limit, after }: DuePage): readonly StoredRun[] {
    const found = this.#roots(partitionKey === undefined ? {} : { partitionKey })
      .filter(({ wakeAt }) => wakeAt !== null && wakeAt <= before)
      .sort(earliestFirst)
    return (after === undefined ? found : found.filter((run) => earliestFirst(after, run) < 0)).slice(0, limit)
  }

  #roots(query: RunQuery): StoredRun[] {
    const found: StoredRun[] = []
    for (const entry of this.#entries.values()) {
      if (entry.appId !== entry.rootId) continue
      const run = this.#runOf(entry)
      if (run !== undefined && isWanted(run, query)) found.push(run)
    }
    return found
  }

  #runOf({ partitionKey, rootId, held, leased, wakeAt }: Entry): StoredRun | undefined {
    const born = this.#rows.born(partitionKey, rootId)
    if (born === undefined) return undefined
    const expired = leased && (wakeAt ?? 0) < this.#now()
    const last = this.#rows.last(partitionKey, rootId)
    const { parent: _, ...summary } = held ?? {}
    const known = held === undefined ? undefined : (summary as StoredRun['summary'])
    return {
      partitionKey,
      rootId,
      born,
      summary: known,
      wakeAt,
      expired,
      last,
      claim: this.#rows.claim(partitionKey, rootId),
    }
  }

  #entryOf(partitionKey: string | null, rootId: string, appId: string): Entry {
    const key = keyOf(partitionKey, appId)
    let entry = this.#entries.get(key)
    if (entry === undefined) {
      entry = { partitionKey, rootId, appId, held: undefined, leased: false, wakeAt: null, waits: [] }
      this.#entries.set(key, entry)
    }
    return entry
  }
}

const keyOf = (partitionKey: string | null, appId: string): string => JSON.stringify([partitionKey, appId])

/** The status of a run as it counts now: one whose lease is over is interrupted. */
const statusOf = ({ summary, expired }: StoredRun): SummaryStatus | undefined =>
  expired ? 'interrupted' : summary?.status

function isWanted(run: StoredRun, query: RunQuery): boolean {
  const { partitionKey, status, name, labels, createdFrom, createdTo, retrying, pending, leaked, text, unsummarised } =
    query
  const { summary, born, rootId } = run
  const is = statusOf(run)
  if (unsummarised === true && summary !== undefined) return false
  if (partitionKey !== undefined && run.partitionKey !== partitionKey) return false
  if (status !== undefined && (is === undefined || !status.includes(is))) return false
  if (name !== undefined && summary?.name !== name) return false
  if (createdFrom !== undefined && born < createdFrom * 1024) return false
  if (createdTo !== undefined && born >= createdTo * 1024) return false
  if (retrying === true && !(summary?.retrying ?? 0)) return false
  if (pending === true && !(summary?.pending ?? 0)) return false
  if (leaked === true && !(summary?.leaked ?? 0)) return false
  if (
    text !== undefined &&
    ![rootId, summary?.title ?? ''].some((one) => one.toLowerCase().includes(text.toLowerCase()))
  )
    return false
  return hasLabels(summary?.labels, labels)
}

const hasLabels = (
  labels: Readonly<Record<string, string>> = {},
  wanted: Readonly<Record<string, string>> = {},
): boolean => Object.entries(wanted).every(([label, value]) => Object.hasOwn(labels, label) && labels[label] === value)

const compare = (a: string | number, b: string | number): number => (a < b ? -1 : a > b ? 1 : 0)
const partOf = (partitionKey: string | null): string => (partitionKey === null ? '' : `=${partitionKey}`)

type Born = Pick<StoredRun, 'partitionKey' | 'rootId' | 'born'>
const newestFirst = (a: Born, b: Born): number =>
  b.born - a.born || compare(b.rootId, a.rootId) || compare(partOf(b.partitionKey), partOf(a.partitionKey))

type Wakes = { readonly wakeAt: number | null; readonly partitionKey: string | null; readonly rootId: string }
const earliestFirst = (a: Wakes, b: Wakes): number =>
  (a.wakeAt ?? 0) - (b.wakeAt ?? 0) ||
  compare(partOf(a.partitionKey), partOf(b.partitionKey)) ||
  compare(a.rootId, b.rootId)

type Asked = Pick<StoredWait, 'since' | 'n'>
const byAge = (a: Asked, b: Asked): number => a.since - b.since || a.n - b.n

type Placed = Pick<OpenQuestion, 'partitionKey' | 'appId' | 'since' | 'n'>
const oldestFirst = (a: Placed, b: Placed): number =>
  a.since - b.since || compare(a.appId, b.appId) || a.n - b.n || compare(partOf(a.partitionKey), partOf(b.partitionKey))

const byPlace = (one: StoredBelow, after: { readonly index: number; readonly appId: string }): number =>
  one.summary.parent.index - after.index || compare(one.appId, after.appId)
