import type {
  Addressed,
  Claim,
  ClaimOptions,
  Group,
  PersisterDriver,
  Posted,
  RootKey,
  Row,
  RowFacts,
  RowPage,
  Tail,
  Until,
} from './driver.js'
import { mayBeDue } from './due.js'
import { conflict, held, ofAnotherTree, takenOver } from './faults.js'
import { MemorySummaries } from './memory-summaries.js'
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
  WaitPage,
} from './summary.js'
import { assertNames, assertText } from './text.js'

const UNFENCED = -1

interface MemoryOwner {
  readonly writer: string
  readonly count: number
  readonly fence: number
  readonly worker: string | undefined
  leaseUntil: number
  beat: StoredClaim['beat']
}

interface MemoryPost extends Posted {
  readonly kind: string | null
}

interface MemoryApp {
  readonly rootId: string
  readonly rows: Row[]
  inbox: MemoryPost[]
}

/** Keeps rows in the memory of the process. */
export class MemoryDriver implements PersisterDriver {
  readonly name = 'memory'
  readonly #apps = new Map<string, MemoryApp>()
  readonly #owners = new Map<string, MemoryOwner>()
  readonly #now: () => number
  readonly #summaries: MemorySummaries
  readonly #watching = new Set<() => void>()
  #messages = 0

  /** @param now the clock of the store, epoch milliseconds */
  constructor(now: () => number = Date.now) {
    this.#now = now
    this.#summaries = new MemorySummaries(
      {
        born: (partitionKey, appId) => this.#apps.get(keyOf(partitionKey, appId))?.rows[0]?.order,
        last: (partitionKey, appId) => positionOf(this.#apps.get(keyOf(partitionKey, appId))?.rows.at(-1)),
        inbox: (partitionKey, appId) => this.#apps.get(keyOf(partitionKey, appId))?.inbox ?? [],
        claim: (partitionKey, rootId) => claimOf(this.#owners.get(keyOf(partitionKey, rootId))),
      },
      now,
    )
  }

  claim({ partitionKey, rootId }: RootKey, writer: string, options: ClaimOptions = {}): Claim {
    assertNames(partitionKey, [rootId])
    const { fence, leaseMs = 0, free = false, worker } = options
    const key = keyOf(partitionKey, rootId)
    refuseOther(this.#apps.get(key), rootId, rootId, writer)
    const owner = this.#owners.get(key)
    const highest = owner?.fence ?? UNFENCED
    if (fence !== undefined && fence < highest) throw takenOver(rootId, writer, owner?.writer)
    if (free && owner !== undefined && owner.writer !== writer && owner.leaseUntil > this.#now())
      throw held(rootId, writer, owner.writer, owner.leaseUntil, owner.worker)
    const incarnation = (owner?.count ?? -1) + 1
    const leaseUntil = leaseMs === 0 ? 0 : this.#now() + leaseMs
    this.#owners.set(key, { writer, count: incarnation, fence: fence ?? highest, worker, leaseUntil, beat: undefined })
    this.#summaries.leased(partitionKey, rootId, leaseUntil)
    return { incarnation, before: owner?.writer }
  }

  beat({ partitionKey, rootId }: RootKey, writer: string, leaseMs: number, data: string | null): number {
    assertNames(partitionKey, [rootId])
    const owner = this.#ownerOf(partitionKey, rootId, writer)
    if (data !== null) owner.beat = { at: this.#now(), data }
    if (leaseMs === 0) this.#notify()
    return this.#lease(owner, partitionKey, rootId, leaseMs)
  }

  #ownerOf(partitionKey: string | null, rootId: string, writer: string): MemoryOwner {
    const owner = this.#owners.get(keyOf(partitionKey, rootId))
    if (owner?.writer !== writer) throw takenOver(rootId, writer, owner?.writer)
    return owner
  }

  #lease(owner: MemoryOwner, partitionKey: string | null, rootId: string, leaseMs: number): number {
    owner.leaseUntil = leaseMs === 0 ? 0 : this.#now() + leaseMs
    this.#summaries.leased(partitionKey, rootId, owner.leaseUntil)
    return owner.leaseUntil
  }

  save({ partitionKey, rootId, writer, rows, taken = [], summaries = [], leaseMs }: Group): void {
    assertNames(partitionKey, [rootId])
    for (const { appId, label } of rows) {
      assertText('An appId', appId)
      assertText('The name of an action', label)
    }
    for (const { appId } of summaries) assertText('An appId', appId)
    const owner = this.#ownerOf(partitionKey, rootId, writer)
    const next = new Map<string, number>()
    for (const { appId, index, over } of rows) {
      const app = this.#apps.get(keyOf(partitionKey, appId))
      let free = next.get(appId)
      if (free === undefined) {
        refuseOther(app, appId, rootId, writer)
        free = app?.rows.length ?? 0
      }
      const known = app?.rows ?? []
      if (over === true && (known[index]?.kind === 'note' || (index >= known.length && index < free))) continue
      if (index !== free) throw conflict(appId, index, writer)
      next.set(appId, free + 1)
    }
    for (const { appId } of summaries) refuseOther(this.#apps.get(keyOf(partitionKey, appId)), appId, rootId, writer)
    for (const { over: _, ...row } of rows) this.#appOf(partitionKey, row.appId, rootId).rows[row.index] = row
    if (taken.length > 0) this.#forget(partitionKey, new Set(rows.map(({ appId }) => appId)), new Set(taken))
    if (leaseMs !== undefined) this.#lease(owner, partitionKey, rootId, leaseMs)
    for (const summary of summaries) this.#summaries.put(partitionKey, rootId, summary, owner.leaseUntil)
    const woken = summaries.length > 0 && this.#summaries.wake(partitionKey, rootId)
    if (woken || leaseMs === 0 || summaries.some((summary) => summary.appId === rootId && mayBeDue(summary)))
      this.#notify()
  }

  #forget(partitionKey: string | null, appIds: ReadonlySet<string>, taken: ReadonlySet<number>): void {
    for (const appId of appIds) {
      const app = this.#apps.get(keyOf(partitionKey, appId))
      if (app !== undefined) app.inbox = app.inbox.filter(({ id }) => !taken.has(id))
    }
  }

  #appOf(partitionKey: string | null, appId: string, rootId: string): MemoryApp {
    const key = keyOf(partitionKey, appId)
    let app = this.#apps.get(key)
    if (app === undefined) {
      app = { rootId, rows: [], inbox: [] }
      this.#apps.set(key, app)
      this.#summaries.add(partitionKey, rootId, appId)
    }
    return app
  }

  load(partitionKey: string | null, appIds: readonly string[], until?: Until): readonly (Tail | undefined)[] {
    assertNames(partitionKey, appIds)
    return appIds.map((appId) => {
      const app = this.#apps.get(keyOf(partitionKey, appId))
      if (app === undefined) return undefined
      const end = until === undefined ? app.rows.length : lastOf(app.rows, until) + 1
      const from = app.rows.slice(0, end).findLastIndex(({ kind }) => kind === 'full')
      return { rows: app.rows.slice(Math.max(from, 0), end), inbox: app.inbox.map(toPosted) }
    })
  }

  history(partitionKey: string | null, appId: string): readonly RowFacts[] {
    assertNames(partitionKey, [appId])
    return (this.#apps.get(keyOf(partitionKey, appId))?.rows ?? []).map(({ data: _, ...facts }) => facts)
  }

  rows(partitionKey: string | null, appId: string, { from, limit }: RowPage): readonly Row[] {
    assertNames(partitionKey, [appId])
    return (this.#apps.get(keyOf(partitionKey, appId))?.rows ?? []).slice(from, from + limit)
  }

  list(page: RunPage): readonly StoredRun[] {
    assertNames(page.partitionKey ?? null)
    return this.#summaries.list(page)
  }

  find({ partitionKey, rootId }: RootKey): StoredRun | undefined {
    assertNames(partitionKey, [rootId])
    return this.#summaries.find(partitionKey, rootId)
  }

  count(query: RunQuery, upTo: number): RunCounts {
    assertNames(query.partitionKey ?? null)
    return this.#summaries.count(query, upTo)
  }

  below(page: BelowPage): readonly StoredBelow[] {
    assertNames(page.partitionKey, [page.parentId])
    return this.#summaries.below(page)
  }

  countBelow(partitionKey: string | null, parentId: string): readonly BelowCount[] {
    assertNames(partitionKey, [parentId])
    return this.#summaries.countBelow(partitionKey, parentId)
  }

  summaries(
    partitionKey: string | null,
    appIds: readonly string[],
  ): readonly (Omit<AppSummary, 'waits' | 'wake'> | undefined)[] {
    assertNames(partitionKey, appIds)
    return this.#summaries.summaries(partitionKey, appIds)
  }

  waits(page: WaitPage): readonly OpenQuestion[] {
    assertNames(page.partitionKey ?? null)
    return this.#summaries.waits(page)
  }

  due(page: DuePage): readonly StoredRun[] {
    assertNames(page.partitionKey ?? null)
    return this.#summaries.due(page)
  }

  delete({ partitionKey, rootId }: RootKey): boolean {
    assertNames(partitionKey, [rootId])
    const had = this.#owners.delete(keyOf(partitionKey, rootId))
    for (const [key, app] of [...this.#apps]) {
      const [partition] = JSON.parse(key) as [string | null, string]
      if (partition === partitionKey && app.rootId === rootId) this.#apps.delete(key)
    }
    this.#summaries.forget(partitionKey, rootId)
    return had
  }

  post({ partitionKey, rootId }: RootKey, appId: string, data: string, kind?: string): number {
    assertNames(partitionKey, [rootId, appId])
    const id = this.#messages++
    this.#appOf(partitionKey, appId, rootId).inbox.push({ id, data, kind: kind ?? null })
    if (kind !== undefined && this.#summaries.posted(partitionKey, rootId, appId, kind)) this.#notify()
    return id
  }

  inbox({ partitionKey, rootId }: RootKey): readonly Addressed[] {
    assertNames(partitionKey, [rootId])
    const found = [...this.#apps].flatMap(([key, app]) => {
      if (app.inbox.length === 0 || app.rootId !== rootId) return []
      const [partition, appId] = JSON.parse(key) as [string | null, string]
      return partition === partitionKey ? app.inbox.map((posted) => ({ appId, ...toPosted(posted) })) : []
    })
    return found.sort((a, b) => a.id - b.id)
  }

  /** Calls back in a microtask. */
  watchDue(due: () => void): () => void {
    const watch = (): void => due() // the same function may watch twice
    this.#watching.add(watch)
    return () => {
      this.#watching.delete(watch)
    }
  }

  #notify(): void {
    for (const watch of this.#watching)
      queueMicrotask(() => {
        if (this.#watching.has(watch)) watch()
      })
  }

  close(): void {
    this.#watching.clear()
  }
}

const keyOf = (partitionKey: string | null, appId: string): string => JSON.stringify([partitionKey, appId])

const toPosted = ({ id, data }: MemoryPost): Posted => ({ id, data })

/** The index of the row of a step: in the newest epoch that has it, or in a given one. */
function lastOf(rows: readonly Row[], { sequenceId, epoch }: Until): number {
  return rows.findLastIndex(
    (row) => row.kind !== 'note' && row.sequenceId === sequenceId && (epoch === undefined || row.epoch === epoch),
  )
}

function positionOf(row: Row | undefined): StoredPosition | undefined {
  if (row === undefined) return undefined
  const { kind, label, sequenceId, epoch, order } = row
  return { kind, label, sequenceId, epoch, order }
}

function claimOf(owner: MemoryOwner | undefined): StoredClaim | undefined {
  if (owner === undefined) return undefined
  const { count, writer, worker, leaseUntil, beat } = owner
  return { incarnation: count, writer, worker, leaseUntil, beat }
}

/** @throws {PersistenceError} `conflict` when an application is in another tree */
function refuseOther(app: MemoryApp | undefined, appId: string, rootId: string, writer: string): void {
  if (app !== undefined && app.rows.length > 0 && app.rootId !== rootId) throw ofAnotherTree(appId, writer, app.rootId)
}
