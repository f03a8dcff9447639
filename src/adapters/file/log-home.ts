import type { Redact } from '../../log/redact.js'
import type { WorkerInfo } from '../../read/run-summary.js'
import type { Blobs } from './blobs.js'
import type { Descriptors } from './descriptors.js'
import type { Graphs } from './graphs.js'
import type { Pace } from './pace.js'
import type { Fs, Places } from './places.js'

/** What the logs of one tracker share. */
export interface LogHome {
  readonly fs: Fs
  readonly places: Places
  readonly pace: Pace
  readonly blobs: Blobs
  readonly graphs: Graphs
  readonly descriptors: Descriptors
  readonly worker: WorkerInfo
  readonly partBytes: number
  readonly redact: Redact | undefined
  /** Gets the errors of `redact`. */
  readonly fault: (error: unknown) => void
  /** Called when lines are lost. */
  readonly lost: (error: unknown) => void
  /** Called when a part could be made after a loss. */
  readonly found: () => void
}
