// The port to an engine of jobs, such as BullMQ. An engine moves texts; their content is opaque to it.

/** One job, as an engine gets it. */
export interface Job {
  /** An engine that has a job of this id, queued or active, takes it for the same one. */
  readonly id: string
  readonly data: string
  /** Milliseconds from now before which no worker takes it. Default 0. */
  readonly delayMs?: number | undefined
  /** Lower numbers come first, from 1 to 2 097 152. Jobs without one come before all that have one. */
  readonly priority?: number | undefined
}

/** Where a job is: not taken, or taken by a worker that has not lost it. */
export type JobStatus = 'queued' | 'active'

/** A job that a worker has taken. */
export interface TakenJob {
  readonly id: string
  readonly data: string
  /** Aborts when the worker has lost the job: its lock ran out, and another worker may have it. */
  readonly signal: AbortSignal
}

/** How a worker leaves a job: undefined when it is done; or with the time after which a worker takes it again. */
export type JobEnd = { readonly againInMs: number } | undefined

/** The jobs that one worker takes. */
export interface JobConsumer {
  /** Sets how many jobs it has at a time. A lower number lets those go on that it has. */
  setConcurrency(concurrency: number): void
  /** Takes no more jobs. Resolves when those that it has taken have ended. */
  close(): Promise<void>
}

/**
 * The port to an engine of jobs. What is here is all that executors, workers and run queues ask of an engine. Test a
 * driver with the contract suite of `teasel/testing`.
 *
 * A job is the truth; a text on a channel is a hint. The protocol above numbers its texts and repeats those that are lost.
 */
export interface EngineDriver {
  /** Its name in messages: `bullmq support`. */
  readonly name: string
  /** Adds jobs. Idempotent by their ids. Durable when it resolves, as far as the engine is. */
  enqueue(jobs: readonly Job[]): Promise<void>
  /** The status of jobs. Those that have ended, or never were, are left out. */
  lookup(ids: readonly string[]): Promise<ReadonlyMap<string, JobStatus>>
  /** Removes a job that no worker has taken. @returns whether it did */
  remove(id: string): Promise<boolean>
  /** Sends texts, in order, to everyone who listens to the channel now. It may lose them. */
  publish(channel: string, texts: readonly string[]): Promise<void>
  /**
   * Listens to a channel, also after the connection was lost and is there again. Resolves when it listens.
   * @returns a function that ends it
   */
  listen(channel: string, receive: (text: string) => void): Promise<() => Promise<void>>
  /** Keeps a text that is too large for a channel, for at least an hour. @returns its reference */
  put(text: string): Promise<string>
  /** Takes a text that was put, and removes it. @returns undefined when it is not there any more */
  take(reference: string): Promise<string | undefined>
  /**
   * Takes jobs as long as there are any. A job whose worker dies is taken by another one, without end: who counts is
   * above.
   * @param run never rejects
   */
  consume(run: (job: TakenJob) => Promise<JobEnd>, options: { readonly concurrency: number }): Promise<JobConsumer>
  /** Releases connections. Jobs stay. */
  close(): Promise<void>
}
