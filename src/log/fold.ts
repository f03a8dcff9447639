import type { Payload } from '../read/payload.js'
import type { WorkerInfo } from '../read/run-summary.js'
import { noCounts } from '../read/status.js'
import { AppsOfRun } from './apps-of-run.js'
import { cutOff, isOfCut } from './fold-cut.js'
import { branchKnown, cancelOf, leakOf, progressOf, stepStart, tookOf, undone, waitOf } from './fold-parts.js'
import { isOpenApp } from './fold-status.js'
import { type FoldedApp, FoldedMap, type FoldedStep } from './folded.js'
import {
  type AppLine,
  type ChunksLine,
  type EventLine,
  type HeadLine,
  isApp,
  isChunks,
  isHead,
  isSame,
  LOG_VERSION,
  type LogLine,
} from './lines.js'

// Owns: a run, folded from the lines of its log. The writer folds its own lines for the index, a reader those of a file,
// a page those of a stream.
// Does not own: the places of its applications (apps-of-run.ts), what is told of it (fold-tree.ts), its steps (steps.ts).
// T1  A fold of the first lines of a log is the run at that moment.
// T2  Lines that come again after a resume change nothing that they have told before.

/** Number of errors that later lines may refer to, where settled parts are forgotten. */
const MOST_ERRORS = 1000

/** A run, as far as its lines tell it. */
export class RunFold {
  head: HeadLine | undefined
  /** Time of the first and of the last line. */
  createdAt: number | undefined
  updatedAt = 0
  startedAt: number | undefined
  endedAt: number | undefined
  seq = -1
  forkedFrom: { readonly appId: string; readonly sequenceId: number } | undefined
  leaked = 0
  /** What its lines do not tell. */
  readonly lacks = new Set<string>()
  readonly #keeps: boolean
  readonly #apps = new AppsOfRun()
  #errors = new Map<number, unknown>()

  /** @param keeps whether settled branches, past maps and chunks count: a tree needs them, a summary does not */
  constructor(keeps: boolean) {
    this.#keeps = keeps
  }

  get root(): FoldedApp | undefined {
    return this.#apps.root
  }

  add(line: LogLine): void {
    if (isHead(line)) this.#begin(line)
    else if (isApp(line)) this.#meet(line)
    else if (isChunks(line)) this.#chunks(line)
    else this.#event(line)
  }

  #begin(head: HeadLine): void {
    const { v, part, time, lost = 0 } = head
    const isSameFile = this.head?.incarnation === head.incarnation && part > 0
    this.head = head
    this.#apps.begin(head)
    this.#errors = new Map()
    if (v > LOG_VERSION) this.lacks.add(`facts of version ${v} of logs, of which this reads version ${LOG_VERSION}`)
    if (lost > 0) this.lacks.add(`${lost} events that could not be written`)
    this.createdAt = head.createdAt ?? this.createdAt ?? time
    this.startedAt = head.startedAt ?? this.startedAt
    this.updatedAt = Math.max(this.updatedAt, time)
    if (isSameFile) return
    this.seq = -1
    this.endedAt = undefined
    this.#interrupt()
    const { runId, sequenceId, position, next, epoch } = head
    const root = this.#apps.of(runId, [], time)
    if (epoch !== root.epoch || sequenceId < root.sequenceId) root.maps = this.#keeps ? root.maps : []
    if (epoch === root.epoch) this.#passed(root, sequenceId, time)
    if (epoch !== root.epoch || (root.openMap?.sequenceId ?? 0) > sequenceId + 1) undone(root, time)
    Object.assign(root, { epoch, sequenceId, position, next, startedAt: this.startedAt })
    root.open(time)
  }

  #interrupt(): void {
    for (const app of this.#apps.all()) app.interrupt()
  }

  #meet({ app, appId, path }: AppLine): void {
    this.#apps.number(app, this.#apps.of(appId, path, this.updatedAt))
  }

  #chunks({ app, n, time: [first, last], text, items, seq, sequenceId }: ChunksLine): void {
    this.#tick(seq.at(-1) ?? 0, last)
    if (!this.#keeps) return
    const step = this.#apps.at(app)?.step
    if (step === undefined || step.sequenceId !== sequenceId) return
    const bytes = text?.length ?? JSON.stringify(items).length
    const known = step.chunks
    step.chunks = {
      count: (known?.count ?? 0) + n,
      bytes: (known?.bytes ?? 0) + bytes,
      firstAt: known?.firstAt ?? first,
      lastAt: last,
    }
  }

  #tick(seq: number, time: number): void {
    this.seq = Math.max(this.seq, seq)
    this.updatedAt = Math.max(this.updatedAt, time)
  }

  #event(line: EventLine): void {
    const { seq, time } = line
    this.#tick(seq, time)
    if (line['error'] !== undefined && !isSame(line['error'])) this.#keepError(seq, line['error'])
    const app = this.#apps.at(line.app)
    if (app !== undefined) this.#tell(app, line)
  }

  #keepError(seq: number, error: unknown): void {
    this.#errors.set(seq, error)
    if (this.#keeps || this.#errors.size <= MOST_ERRORS) return
    const [first] = this.#errors.keys()
    if (first !== undefined) this.#errors.delete(first)
  }

  #errorOf(error: unknown): unknown {
    return isSame(error) ? (this.#errors.get(error.seq) ?? error) : error
  }

  #tell(app: FoldedApp, line: EventLine): void {
    const { time } = line
    if (this.root?.cut !== undefined && isOfCut(app, line)) {
      if (app === this.root && line.type === 'run.end') this.endedAt = time
      return
    }
    switch (line.type) {
      case 'run.start':
        if (app.cut !== undefined) this.#interrupt()
        app.open(time)
        app.next = line['next'] as string | undefined
        app.startedAt ??= time
        this.startedAt ??= time
        this.endedAt = undefined
        this.forkedFrom ??= line['forkedFrom'] as RunFold['forkedFrom']
        return
      case 'run.end':
        return this.#runEnd(app, line)
      case 'step.start':
        this.#passed(app, (line.sequenceId ?? 0) - 1, time)
        return stepStart(app, line)
      case 'step.end':
        return this.#stepEnd(app, line)
      case 'transition':
        app.next = line['to'] as string
        if (app.step !== undefined) app.step.took = tookOf(line)
        return
      case 'map.start':
        return this.#mapStart(app, line)
      case 'map.end':
        if (app.openMap !== undefined) app.openMap.status = 'reducing'
        return
      case 'reduce':
        app.retry = undefined
        return
      case 'branch.queued':
        branchKnown(app, line)
        app.status = 'queued'
        app.attempt = 0
        app.since = time
        return
      case 'branch.start':
        branchKnown(app, line)
        app.open(time)
        app.attempt = 1
        app.startedAt ??= time
        app.worker = line['worker'] as WorkerInfo | undefined
        return
      case 'branch.settled':
        return this.#settled(app, line)
      case 'branch.leaked':
        this.leaked += 1
        app.leaked.push(leakOf(app, line))
        return
      case 'wait':
        app.waits = [...app.waits.filter(({ id }) => id !== line['id']), waitOf(line)]
        app.since = time
        return
      case 'wake':
        app.waits = app.waits.filter(({ id }) => id !== line['id'])
        app.since = time
        return
      case 'retry':
        return this.#retry(app, line)
      case 'cancel':
        if (app !== this.root || !cutOff(app, line)) app.cancelled = cancelOf(line)
        return
      case 'progress':
        if (app.step !== undefined) app.step.progress = progressOf(line)
        return
    }
  }

  #runEnd(app: FoldedApp, line: EventLine): void {
    app.status = line['status'] as FoldedApp['status']
    app.error = this.#errorOf(line['error'])
    app.since = line.time
    app.endedAt = line.time
    app.cut = undefined
    if (app.parent === undefined) this.endedAt = line.time
    if (app.status !== 'cancelled') app.cancelled = undefined
    app.quiet()
  }

  #stepEnd(app: FoldedApp, line: EventLine): void {
    const { time, source = '', sequenceId = 0 } = line
    app.waits = []
    app.retry = undefined
    app.children.clear()
    const map = app.openMap
    if (map?.map === source) {
      map.endedAt = time
      map.status = line['status'] as FoldedMap['status']
      if (map.status === 'done') app.visits.set(source, map.visit)
      else if (map.status === 'cancelled' || map.status === 'failed') map.endedAt = time
      if (!this.#keeps) app.maps = []
    }
    if (line['status'] === 'done') {
      app.sequenceId = sequenceId
      app.position = source
      if (app.step?.took === undefined) app.next = undefined
      app.step = undefined
      app.error = undefined
      app.since = time
      return
    }
    if (app.step === undefined) return
    app.step.status = line['status'] as FoldedStep['status']
    app.step.error = this.#errorOf(line['error'])
    app.step.endedAt = time
    app.step.durationMs = line['durationMs'] as number
  }

  /** The end of a map was saved, and not written any more: its process was killed in between. */
  #passed(app: FoldedApp, sequenceId: number, time: number): void {
    const map = app.openMap
    if (map === undefined || map.sequenceId > sequenceId) return
    Object.assign(map, { status: 'done', endedAt: time })
    app.visits.set(map.map, map.visit)
    const open = [...map.branches.values()].filter(isOpenApp)
    for (const branch of open) branch.status = 'done'
    if (open.length > 0) this.lacks.add(`how ${open.length} branches of ${map.map} ended`)
    if (!this.#keeps) app.maps = []
  }

  #mapStart(app: FoldedApp, line: EventLine): void {
    const { source = '', sequenceId = 0, time } = line
    const visit = (line['visit'] as number | undefined) ?? (app.visits.get(source) ?? 0) + 1
    const known = app.maps.find((one) => one.map === source && one.visit === visit && one.epoch === app.epoch)
    const map = known ?? new FoldedMap(source, visit, app.epoch, sequenceId, time)
    Object.assign(map.forgotten, noCounts()) // what has settled is told again
    const { policy, total, kind, concurrency, limit } = line as { readonly [name: string]: unknown }
    map.policy = typeof policy === 'string' ? policy.replace(/^'(.*)'$/, '$1') : undefined
    map.total = typeof total === 'number' ? total : undefined
    Object.assign(map, { kind, concurrency, limit, endedAt: undefined, status: 'running' })
    app.maps = [...app.maps.filter((one) => one !== map), map]
    if (app.step !== undefined) app.step.map = { map: source, visit }
  }

  #retry(app: FoldedApp, line: EventLine): void {
    const { at, source = '', sequenceId = 0 } = line
    app.retry = { at: at as number, action: source, sequenceId }
    app.since = line.time
    if (line['level'] === 'branch') app.attempt = line['attempt'] as number
    app.error = undefined
  }

  #settled(app: FoldedApp, line: EventLine): void {
    branchKnown(app, line)
    const { attempts, startedAt, endedAt, error, reason, by, recovered } = (line['result'] ?? {}) as {
      readonly [name: string]: unknown
    }
    const status = line['status'] as 'done' | 'failed' | 'cancelled'
    app.status = status
    app.since = line.time
    app.endedAt = (endedAt as number | undefined) ?? line.time
    app.startedAt ??= startedAt as number | undefined
    app.attempt = startedAt === undefined ? 0 : ((attempts as number | undefined) ?? app.attempt)
    app.recovered = recovered === true
    app.error = status === 'failed' ? this.#errorOf(error) : undefined
    const cancelled = { by: String(by), cause: 'settled', reason: (reason ?? null) as Payload, at: line.time } as const
    app.cancelled = status === 'cancelled' ? (app.cancelled ?? cancelled) : undefined
    app.quiet()
    if (!this.#keeps) this.#apps.forget(app, line.app, status)
  }
}
