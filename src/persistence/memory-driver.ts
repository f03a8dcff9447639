import type {
  Addressed,
  Claim,
  Group,
  ListOptions,
  PersisterDriver,
  Posted,
  RootKey,
  Row,
  RowFacts,
  StoredApp,
  Tail,
  Until,
} from './driver.js'
import { conflict, ofAnotherTree, takenOver } from './faults.js'
import { millisecondsOf } from './order.js'
import { assertNames, assertText } from './text.js'

const UNFENCED = -1

interface MemoryApp {
  readonly rootId: string
  readonly rows: Row[]
  inbox: Posted[]
  readonly born: number
}

/** Keeps rows in the memory of the process. */
export class MemoryDriver implements PersisterDriver {
  readonly name = 'memory'
  readonly #apps = new Map<string, MemoryApp>()
  readonly #owners = new Map<string, { writer: string; count: number; fence: number }>()
  #messages = 0
  #births = 0

  claim({ partitionKey, rootId }: RootKey, writer: string, fence?: number): Claim {
    assertNames(partitionKey, [rootId])
    const key = keyOf(partitionKey, rootId)
    refuseOther(this.#apps.get(key), rootId, rootId, writer)
    const owner = this.#owners.get(key)
    const highest = owner?.fence ?? UNFENCED
    if (fence !== undefined && fence < highest) throw takenOver(rootId, writer, owner?.writer)
    const incarnation = (owner?.count ?? -1) + 1
    this.#owners.set(key, { writer, count: incarnation, fence: fence ?? highest })
    return { incarnation, before: owner?.writer }
  }

  save({ partitionKey, rootId, writer, rows, taken = [] }: Group): void {
    assertNames(partitionKey, [rootId])
    for (const { appId, label } of rows) {
      assertText('An appId', appId)
      assertText('The name of an action', label)
    }
    const owner = this.#owners.get(keyOf(partitionKey, rootId))?.writer
    if (owner !== writer) throw takenOver(rootId, writer, owner)
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
    for (const { over: _, ...row } of rows) this.#appOf(partitionKey, row.appId, rootId).rows[row.index] = row
    if (taken.length > 0) this.#forget(partitionKey, new Set(rows.map(({ appId }) => appId)), new Set(taken))
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
      app = { rootId, rows: [], inbox: [], born: this.#births++ }
      this.#apps.set(key, app)
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
      return { rows: app.rows.slice(Math.max(from, 0), end), inbox: [...app.inbox] }
    })
  }

  history(partitionKey: string | null, appId: string): readonly RowFacts[] {
    assertNames(partitionKey, [appId])
    return (this.#apps.get(keyOf(partitionKey, appId))?.rows ?? []).map(({ data: _, ...facts }) => facts)
  }

  list({ partitionKey = null, limit = 100, after }: ListOptions): readonly StoredApp[] {
    assertNames(partitionKey)
    const roots = [...this.#apps].flatMap(([key, { rows, rootId, born }]) => {
      const [partition, appId] = JSON.parse(key) as [string | null, string]
      const [first] = rows
      if (partition !== partitionKey || appId !== rootId || first === undefined) return []
      return [{ appId, createdAt: millisecondsOf(first.order), born }]
    })
    const newest = roots.sort((a, b) => b.createdAt - a.createdAt || b.born - a.born)
    const from = after === undefined ? 0 : placeAfter(newest, after)
    return newest.slice(from, from + limit).map(({ appId, createdAt }) => ({ appId, createdAt }))
  }

  delete({ partitionKey, rootId }: RootKey): boolean {
    assertNames(partitionKey, [rootId])
    const had = this.#owners.delete(keyOf(partitionKey, rootId))
    for (const [key, app] of [...this.#apps]) {
      const [partition] = JSON.parse(key) as [string | null, string]
      if (partition === partitionKey && app.rootId === rootId) this.#apps.delete(key)
    }
    return had
  }

  post({ partitionKey, rootId }: RootKey, appId: string, data: string): number {
    assertNames(partitionKey, [rootId, appId])
    const id = this.#messages++
    this.#appOf(partitionKey, appId, rootId).inbox.push({ id, data })
    return id
  }

  inbox({ partitionKey, rootId }: RootKey): readonly Addressed[] {
    assertNames(partitionKey, [rootId])
    const found = [...this.#apps].flatMap(([key, app]) => {
      if (app.inbox.length === 0 || app.rootId !== rootId) return []
      const [partition, appId] = JSON.parse(key) as [string | null, string]
      return partition === partitionKey ? app.inbox.map((posted) => ({ appId, ...posted })) : []
    })
    return found.sort((a, b) => a.id - b.id)
  }

  close(): void {}
}

const keyOf = (partitionKey: string | null, appId: string): string => JSON.stringify([partitionKey, appId])

/** The index of the row of a step: in the newest epoch that has it, or in a given one. */
function lastOf(rows: readonly Row[], { sequenceId, epoch }: Until): number {
  return rows.findLastIndex(
    (row) => row.kind !== 'note' && row.sequenceId === sequenceId && (epoch === undefined || row.epoch === epoch),
  )
}

/** The index after an application in a list, newest first. A deleted one is found by its time only. */
function placeAfter(newest: readonly StoredApp[], after: StoredApp): number {
  const place = newest.findIndex(({ appId }) => appId === after.appId)
  if (place >= 0) return place + 1
  const older = newest.findIndex(({ createdAt }) => createdAt <= after.createdAt)
  return older < 0 ? newest.length : older
}

/** @throws {PersistenceError} `conflict` when an application is in another tree */
function refuseOther(app: MemoryApp | undefined, appId: string, rootId: string, writer: string): void {
  if (app !== undefined && app.rows.length > 0 && app.rootId !== rootId) throw ofAnotherTree(appId, writer, app.rootId)
}
