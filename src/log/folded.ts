import type { Mutable } from '../internal/type-tools.js'
import type { Payload } from '../read/payload.js'
import type { WorkerInfo } from '../read/run-summary.js'
import { type BranchStatus, noCounts } from '../read/status.js'
import type { Leak, StepRecord } from '../read/tree.js'
import type { WirePath } from '../read/wire-path.js'

// The parts of a run as they are folded from its log. Values of users stay in the form of the log.

/** A wait of an application. */
export interface FoldedWait {
  readonly id: string
  readonly kinds: readonly string[]
  readonly from: 'outside' | 'siblings' | 'time'
  readonly since: number
  readonly until: number | undefined
  readonly ask: Payload | undefined
  readonly schemas: Payload | undefined
  readonly action: string
  readonly sequenceId: number
  answered: boolean
}

/** How an application is: open, or how it ended. */
export type OwnStatus = 'queued' | 'open' | 'halted' | 'finished' | 'done' | 'failed' | 'cancelled'

/** A step, whose error stands in the form of the log. */
export type FoldedStep = Mutable<Omit<StepRecord, 'error'>> & { error?: unknown }

/** A cancel, in the form of the log. */
export interface FoldedCancel {
  readonly by: string
  readonly cause: string
  readonly reason: Payload
  readonly at: number
}

/** An application. */
export class FoldedApp {
  readonly appId: string
  readonly path: WirePath
  readonly parent: FoldedApp | undefined
  /** The map of which it is a branch. */
  map: FoldedMap | undefined
  index: number | undefined
  title: string | undefined
  worker: WorkerInfo | undefined
  status: OwnStatus = 'open'
  since: number
  /** When it was queued before it first started. */
  queuedAt: number | undefined
  startedAt: number | undefined
  endedAt: number | undefined
  epoch: number
  sequenceId = -1
  position: string | undefined
  next: string | undefined
  attempt = 1
  recovered = false
  step: FoldedStep | undefined
  error: unknown
  cancelled: FoldedCancel | undefined
  /** Of a root that is cut off: its status until it is resumed. */
  cut: 'waiting' | 'interrupted' | undefined
  /** The cancel of the cut above it. */
  cancelOfCut: FoldedCancel | undefined
  waits: FoldedWait[] = []
  retry: { readonly at: number; readonly action: string; readonly sequenceId: number } | undefined
  readonly leaked: Leak[] = []
  /** Newest last. */
  maps: FoldedMap[] = []
  /** Made by hand in the step under way. */
  readonly children = new Map<string, FoldedApp>()
  /** Numbers of commits of its maps, by name. */
  readonly visits = new Map<string, number>()

  constructor(appId: string, path: WirePath, parent: FoldedApp | undefined, time: number, epoch: number) {
    this.appId = appId
    this.path = path
    this.parent = parent
    this.since = time
    this.epoch = epoch
  }

  /** It goes on. */
  open(time: number): void {
    this.status = 'open'
    this.since = time
    this.endedAt = undefined
    this.error = undefined
    this.cancelled = undefined
    this.cut = undefined
    this.cancelOfCut = undefined
    this.recovered = false
  }

  /** Nothing of it goes on. */
  quiet(): void {
    this.waits = []
    this.retry = undefined
  }

  /** Its process has ended: what was open has to begin again. */
  interrupt(): void {
    this.quiet()
    this.step = undefined
    this.children.clear()
    if (this.status === 'open' && this.parent !== undefined) this.status = 'queued'
  }

  /** The map at which it stands. */
  get openMap(): FoldedMap | undefined {
    const last = this.maps.at(-1)
    return last?.endedAt === undefined ? last : undefined
  }
}

/** One visit of a map. */
export class FoldedMap {
  readonly map: string
  readonly visit: number
  readonly epoch: number
  readonly sequenceId: number
  readonly startedAt: number
  policy: string | undefined
  kind: string | undefined
  concurrency: number | undefined
  limit: number | undefined
  total: number | undefined
  endedAt: number | undefined
  status: 'running' | 'reducing' | 'done' | 'failed' | 'cancelled' = 'running'
  /** Its branches by key. */
  readonly branches = new Map<string, FoldedApp>()
  /** Numbers of settled branches that are forgotten. */
  readonly forgotten: { [S in BranchStatus]: number } = noCounts()

  constructor(map: string, visit: number, epoch: number, sequenceId: number, time: number) {
    this.map = map
    this.visit = visit
    this.epoch = epoch
    this.sequenceId = sequenceId
    this.startedAt = time
  }
}
