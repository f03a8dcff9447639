import type { OutputStream } from './output-stream.js'
import type { Packet } from './packets.js'

// The port to threads or processes, as a pool uses them.

/** How a worker ended. */
export interface WorkerEnd {
  /** A sentence: `The thread ended with the exit code 1.` */
  readonly why: string
  readonly exitCode?: number | undefined
  readonly signal?: string | undefined
}

/** What a transport reports of one worker. */
export interface WorkerEvents {
  received(packet: unknown): void
  wrote(stream: OutputStream, text: string): void
  /** Nothing follows. Called once, also for a worker that never began, and never before `start` has returned. */
  ended(end: WorkerEnd): void
}

/** A worker that was started. */
export interface WorkerHandle {
  /** @param handOver whether its bytes are handed over; otherwise they are copied, because another worker may need them */
  post(packet: Packet, handOver: boolean): void
  /** Ends it at once; `ended` follows. */
  terminate(): void
  /** Whether it holds this process open. It does at first. */
  hold(held: boolean): void
}

export interface Transport {
  /** The name of the executor: `threads`. */
  readonly name: string
  /** One worker, in messages: `thread`. */
  readonly noun: string
  /** The error for a worker that must not be started here; undefined where it may. */
  refusal(): string | undefined
  /** Starts a worker. @throws for settings that none can start with */
  start(events: WorkerEvents): WorkerHandle
  /** Prints a line of a worker where there is no `output`. */
  print(stream: OutputStream, line: string): void
}
