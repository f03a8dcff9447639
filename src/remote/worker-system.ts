import type { Path } from '../action/context.js'
import type { Executor } from '../action/executor.js'
import type { LogLevel } from '../action/report.js'
import type { AnyEvent, EventType } from '../lifecycle/events.js'
import type { Logger, LogLine } from '../lifecycle/logger.js'
import { branchIdOf } from '../parallel/branch-id.js'
import type { EventSource } from '../runtime/event-source.js'
import type { ParentApp } from '../runtime/parent.js'
import { AppSystem, type SystemSettings } from '../runtime/system.js'
import type { Tracker } from '../tracking/tracker.js'
import type { StartFrame } from './frames.js'

/** Observed in any case: they change facts that the owner holds, or count against its credit. */
const NEEDED: ReadonlySet<EventType> = new Set<EventType>(['wait', 'wake', 'retry', 'chunk', 'progress'])

/** The system of a branch in a worker: its events go to the owner, which numbers them. */
export class WorkerSystem extends AppSystem {
  /** Branches below run in this worker, unless a map names an executor of the registry. */
  override readonly defaultExecutor = undefined
  override executors: ReadonlySet<Executor> | undefined
  override readonly delivery: number
  override readonly carried: Readonly<Record<string, string>> | undefined
  /** The types that the owner observes. */
  observedTypes: ReadonlySet<EventType> = new Set()
  readonly #runId: string
  readonly #emitted: (event: AnyEvent, tracker: Tracker | undefined) => void
  #skipped = 0

  /** @param emitted called with each event */
  constructor(
    settings: SystemSettings,
    { runId, carried }: Pick<StartFrame, 'runId' | 'carried'>,
    executors: ReadonlySet<Executor> | undefined,
    delivery: number,
    emitted: (event: AnyEvent, tracker?: Tracker) => void,
  ) {
    super(settings)
    this.executors = executors
    this.delivery = delivery
    this.carried = carried
    this.#runId = runId
    this.#emitted = emitted
  }

  override get runId(): string {
    return this.#runId
  }

  override isObserved(type: EventType): boolean {
    return this.observedTypes.has(type) || NEEDED.has(type) || super.isObserved(type)
  }

  override skip(count = 1): void {
    this.#skipped += count
  }

  /** The number of events that nobody observed since the last call. */
  takeSkipped(): number {
    const skipped = this.#skipped
    this.#skipped = 0
    return skipped
  }

  override dispatch(event: AnyEvent, source: EventSource, tracker: Tracker | undefined): void {
    this.#emitted(event, tracker)
    super.dispatch(event, source, tracker) // trackers of maps here, and readers of applications that its actions make
  }
}

/** A logger whose lines become frames. */
export const loggerOf = (
  log: (level: LogLevel, text: string, data: unknown, at?: Omit<LogLine, 'level' | 'text' | 'data'>) => void,
): Logger => ({
  debug: (text, data) => log('debug', text, data),
  info: (text, data) => log('info', text, data),
  warn: (text, data) => log('warn', text, data),
  error: (text, data) => log('error', text, data),
  record: ({ level, text, data, ...at }) => log(level, text, data, at),
})

/** The id of a branch: that of the owner, or a hash of its place. */
export const idOf = ({ appId, parentId = '', map, visit, key }: StartFrame): string =>
  appId ?? branchIdOf(parentId, 0, map, visit, key)

/** The application above a branch in a worker, as far as the branch needs it. */
export function parentOf(start: StartFrame, system: WorkerSystem, tracker: Tracker | undefined): ParentApp {
  const path: Path = start.parentPath
  const parent = {
    system,
    appId: '',
    path,
    tracker,
    watched: start.watched,
    checkpoint: { sequenceId: -1 },
    parent: undefined,
    run: { running: true },
    journal: undefined,
  }
  return {
    ...parent,
    get root() {
      return this
    },
  }
}
