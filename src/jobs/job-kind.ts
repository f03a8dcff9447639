import type { Logger } from '../lifecycle/logger.js'
import type { EngineDriver, JobEnd, TakenJob } from './engine-driver.js'
import type { JobData } from './job-data.js'
import type { Slots } from './slots.js'

// The port between a worker and what it does with the jobs of one kind.

/** Jobs of one kind, as a worker runs them. */
export interface JobKind {
  /** Its `kind` in the data of jobs. */
  readonly kind: string
  /** Begins to listen, before the first job is taken. */
  open?(): Promise<void>
  /** Takes a job, and leaves it. Never rejects. */
  run(job: TakenJob, data: JobData): Promise<JobEnd>
  /** Takes no more jobs, and gives back those that lose nothing by it. */
  beginDrain(): Promise<void>
  /** Gives back all jobs. */
  giveBack(): Promise<void>
  /** Why it does not work now, for `health()`. */
  fault?(): string | undefined
  /** Lines for `metrics()`. */
  metrics?(): readonly string[]
  close(): Promise<void>
}

/** What a kind of jobs gets of its worker. */
export interface KindSetup {
  readonly driver: EngineDriver
  readonly slots: Slots
  /** The id of the worker. */
  readonly session: string
  readonly logger: Logger
}
