import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import type { AnyEvent, RunEnd } from '../../lifecycle/events.js'
import { consoleLogger, type Logger, safeLogger } from '../../lifecycle/logger.js'
import { MERGE_MS } from '../../log/chunk-merge.js'
import { foldedSummary } from '../../log/fold-tree.js'
import type { Redact } from '../../log/redact.js'
import type { WorkerInfo } from '../../read/run-summary.js'
import type { TrackedRun, Tracker } from '../../tracking/tracker.js'
import { Blobs } from './blobs.js'
import { Descriptors } from './descriptors.js'
import { Graphs } from './graphs.js'
import { HeldLogs } from './held-logs.js'
import { joinIndexes, retain } from './housekeeping.js'
import { factsOf, IndexFile, indexed } from './index-file.js'
import type { LogHome } from './log-home.js'
import { MovableTimer } from './movable-timer.js'
import { Pace } from './pace.js'
import { type Places, placesIn, realFs } from './places.js'
import { finishRemovals } from './removal.js'
import { RunLog } from './run-log.js'
import { checkTrackerOptions, type FileTrackerOptions, type Retention, type TrackerInside } from './tracker-options.js'

// Owns: the logs of all runs that one tracker records.
// W1  No fault of the disk reaches a run: it is logged once, until the disk works again.
// W2  A run that has ended is in its file when its end is told.
// W3  After dispose nothing is left of it: no timer, no open file, no listener of the process.

/** A tracker that writes files. */
export interface FileTracker extends Tracker, AsyncDisposable {
  /** Writes all that waits, at once. A fault of the disk is logged. */
  flush(): void
  /** Writes all that waits and closes its files. Later events are not recorded. A second call does nothing. */
  dispose(): Promise<void>
}

const PART_BYTES = 67_108_864
/** How long lines wait for others, to be written with them, milliseconds. */
const FLUSH_MS = 25
/** How much later than a chunk a timer does what is due, milliseconds: it spares the timer. */
const LATER_MS = 25
/** How long chunks wait for the next one, which writes them. */
const CHUNKS_MS = MERGE_MS + LATER_MS
const LOOK_MS = 1000
const BEAT_MS = 5000
const TIDY_MS = 60_000

/**
 * A tracker that writes a log of each run to a folder, to be read by {@link fileReader}, also while the run goes on, and
 * by other processes.
 *
 * A log has every event, every state, and every chunk. It is appended to; what a process has written stays when it is
 * killed. Lines are written within 25 milliseconds, those of a run that ends at once. Writing takes at most a tenth of
 * the time of the process, until 4 megabytes wait; then the run waits for the disk. When the disk fails, or takes less
 * than 4 megabytes a second, lines are lost: the run goes on, the logger gets one warning, and readers find it in
 * `lacks`.
 *
 * The picture of each graph is written once, beside the logs, with the names of its actions, conditions and keys.
 *
 * One tracker may record any number of applications. A cancel of a run is an event as others are.
 * @throws {TypeError | RangeError} for invalid options
 *
 * @example
 * ```ts no-run
 * await using tracker = fileTracker({ dir: './logs' })
 * await createApplication(graph, { appId: 'order-7', entrypoint: 'check', state, tracker }).run()
 * const { items } = await fileReader({ dir: './logs' }).list()
 * ```
 * @see Burr `LocalTrackingClient` in burr/tracking/client.py
 */
export function fileTracker(options: FileTrackerOptions): FileTracker {
  return new DiskTracker(options)
}

export class DiskTracker implements FileTracker {
  readonly name = 'files'
  readonly #home: LogHome
  readonly #retention: Retention | undefined
  readonly #index: IndexFile
  readonly #logger: Logger
  readonly #logs = new HeldLogs()
  /** What the index was told of a log. */
  readonly #told = new WeakMap<RunLog, string>()
  /** One for all that is done later: each one more makes the timers of the program slower. */
  readonly #timer: MovableTimer
  /** When it last looked, by the monotonic clock, milliseconds. */
  #lookedAt = 0
  #beatAt = 0
  #isLosing = false
  #isDisposed = false
  #hasLeft = false
  /** When the project was last tidied. */
  #tidiedAt: number | undefined
  #tidying: Promise<void> | undefined

  constructor(
    options: FileTrackerOptions,
    { fs = realFs, partBytes = PART_BYTES, pace = new Pace() }: TrackerInside = {},
  ) {
    checkTrackerOptions(options)
    const { dir, project = 'default', redact, retention, logger = consoleLogger } = options
    this.#retention = retention
    const places = placesIn(dir, project)
    this.#logger = safeLogger(logger)
    this.#home = this.#homeOf({ fs, partBytes, pace }, places, redact)
    this.#timer = new MovableTimer(() => this.#turn(), pace.now)
    this.#index = new IndexFile(fs, places.index, this.#home.worker.id, (text, data) => this.#warn(text, data))
  }

  #homeOf({ fs, partBytes, pace }: Required<TrackerInside>, places: Places, redact: Redact | undefined): LogHome {
    const worker: WorkerInfo = { id: `w_${randomBytes(9).toString('base64url')}`, host: hostname(), pid: process.pid }
    let hasThrown = false
    return {
      ...{ fs, places, partBytes, redact, worker, pace },
      blobs: new Blobs(fs, places.blobs, pace),
      graphs: new Graphs(fs, places.graphs, this.#logger),
      descriptors: new Descriptors(fs, places.runs),
      fault: (error) => {
        if (!hasThrown)
          this.#logger.warn('redact of the file tracker threw. Such values are removed from the log.', error)
        hasThrown = true
      },
      lost: (error) => this.#warn(`A log in ${places.runs} could not be written. Its run goes on without it.`, error),
      found: () => {
        if (this.#isLosing) this.#logger.warn(`Logs in ${places.runs} are written again.`)
        this.#isLosing = false
      },
    }
  }

  #warn(text: string, data: unknown): void {
    if (!this.#isLosing) this.#logger.warn(text, data)
    this.#isLosing = true
  }

  begin(run: TrackedRun): void {
    if (this.#isDisposed) return
    if (endsWithProcess.size === 0) process.on('exit', closeAll)
    endsWithProcess.add(this)
    if (!this.#timer.isSet) this.#lookedAt = this.#home.pace.now()
    this.#logs.begin(run, () => new RunLog(this.#home, run))
    this.#timer.within(FLUSH_MS)
    this.#tidyIfDue()
  }

  track(event: AnyEvent): void {
    if (this.#isDisposed) return
    const log = this.#logs.of(event.runId) ?? this.#unannounced(event)
    if (!log.track(event)) return
    this.#logs.look(log)
    if (event.type === 'run.end') {
      this.#tell([log])
      this.#rest()
    } else this.#schedule(log)
  }

  /** The end of a run stands also in a log of its branches alone. */
  end(event: RunEnd): void {
    this.track(event)
  }

  /** The log of a run that began elsewhere. */
  #unannounced({ runId, incarnation }: AnyEvent): RunLog {
    const run = { eventsOf: runId, appId: runId, partitionKey: null, incarnation, epoch: 0, labels: {}, sequenceId: -1 }
    this.begin(run)
    return this.#logs.of(runId) ?? new RunLog(this.#home, run)
  }

  /** Has done in time what a log waits for. */
  #schedule(log: RunLog): void {
    if (!log.isDirty) return this.#timer.within(LOOK_MS)
    if (!log.isFresh || this.#logs.dirty.size > 1) return this.#timer.within(log.hasLines ? FLUSH_MS : CHUNKS_MS)
    this.#timer.putOff(CHUNKS_MS)
    if (this.#lookInMs() <= 0) this.#look()
  }

  #turn(): void {
    const { dirty, open, changed } = this.#logs
    if (dirty.size > 0) this.#flushSome()
    if (this.#lookInMs() <= 0) this.#look()
    if (dirty.size > 0) this.#timer.within([...dirty].some((log) => log.hasLines) ? FLUSH_MS : CHUNKS_MS / 2)
    else if (open.size > 0 || changed.size > 0) this.#timer.within(this.#lookInMs())
  }

  #flushSome(): void {
    const now = Date.now()
    const { pace } = this.#home
    const { mayWrite } = pace
    pace.take(() => {
      for (const log of this.#logs.dirty) {
        log.tick(now, mayWrite)
        this.#logs.look(log)
      }
    })
  }

  #lookInMs(): number {
    return this.#lookedAt + LOOK_MS - this.#home.pace.now()
  }

  /** Once a second: the index, the heartbeat, files that were removed. */
  #look(): void {
    this.#lookedAt = this.#home.pace.now()
    const now = Date.now()
    const { open, changed } = this.#logs
    for (const log of open) {
      log.look()
      this.#logs.look(log)
    }
    this.#tell(changed)
    if (open.size === 0 || now - this.#beatAt < BEAT_MS) return
    this.#beatAt = now
    this.#index.beat(now)
  }

  /** Nothing is done later while no run goes on. */
  #rest(): void {
    const { open, changed, dirty } = this.#logs
    if (open.size === 0 && changed.size === 0 && dirty.size === 0) this.#timer.stop()
  }

  /** Tidies the project, at most once a minute. */
  #tidyIfDue(): void {
    const now = Date.now()
    if (this.#tidying !== undefined || (this.#tidiedAt !== undefined && now - this.#tidiedAt < TIDY_MS)) return
    const isFirst = this.#tidiedAt === undefined
    this.#tidiedAt = now
    this.#tidying = this.#tidy(isFirst).finally(() => {
      this.#tidying = undefined
    })
  }

  async #tidy(joins: boolean): Promise<void> {
    const { places, worker } = this.#home
    try {
      if (joins) await joinIndexes(places, worker.id)
      if (joins) await finishRemovals(places)
      if (this.#retention !== undefined) await retain(places, this.#retention)
    } catch (error) {
      this.#logger.warn(`The logs in ${places.runs} could not be tidied. They stay as they are.`, error)
    }
  }

  /** Writes to the index what has changed of runs. */
  #tell(logs: Iterable<RunLog>): void {
    const lines = [...logs].flatMap((log) => {
      this.#logs.changed.delete(log)
      const run = foldedSummary(log.fold, { alive: true, seenAt: undefined })
      if (run === undefined) return []
      const line = indexed(run)
      const facts = `${factsOf(line)} ${log.lost > 0}`
      if (this.#told.get(log) === facts) return []
      this.#told.set(log, facts)
      return [line]
    })
    this.#index.write(lines)
  }

  flush(): void {
    for (const log of this.#logs.all()) {
      log.flush()
      this.#logs.look(log)
    }
    this.#tell(this.#logs.changed)
  }

  /** Writes all and closes: the process may end. */
  closeNow(): void {
    endsWithProcess.delete(this)
    if (endsWithProcess.size === 0) process.off('exit', closeAll)
    if (this.#isDisposed) return
    this.flush()
    this.#isDisposed = true
    this.#timer.stop()
    this.#home.descriptors.closeAll()
    this.#index.close()
    this.#logs.clear()
  }

  async dispose(): Promise<void> {
    this.closeNow()
    await this.#index.settled()
    await this.#tidying
    if (this.#tidiedAt !== undefined && !this.#hasLeft) await this.#tidy(false)
    this.#hasLeft = true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }
}

/** Trackers that have recorded a run. */
const endsWithProcess = new Set<DiskTracker>()

function closeAll(): void {
  for (const tracker of endsWithProcess) tracker.closeNow()
}
