import type { Delivery } from '../action/message.js'
import type { Json, Payload } from '../read/payload.js'
import type { AppTarget, BranchQuery, RunNumbers, RunTarget } from '../read/reader.js'
import type { RunSummary } from '../read/run-summary.js'
import type { Pending, RunTree } from '../read/tree.js'
import type { LaidPicture } from '../visualize/places.js'
import type { RunMarks } from '../visualize/run-marks.js'
import type { WireEvent } from '../wire/events.js'

// Owns: what the page, the client and the command line ask for besides a `Reader`. All of it is JSON.

/** What can be done with a run. */
export type ActionName = 'cancel' | 'answer' | 'fork' | 'resume' | 'rewind' | 'remove'

export const ACTION_NAMES: readonly ActionName[] = ['cancel', 'answer', 'fork', 'resume', 'rewind', 'remove']

/** A project: runs that are listed together. Times are epoch milliseconds. */
export interface ProjectSummary {
  readonly name: string
  /** Numbers of its runs by status. */
  readonly runs: RunNumbers
  /** Numbers of the runs that began in the last 24 hours. */
  readonly day: RunNumbers
  /** When its newest run last changed; absent without runs. */
  readonly updatedAt?: number
  /** What this server does with its runs on request. Empty: it only reads. */
  readonly actions: readonly ActionName[]
  /** What a stream of one of its runs has: its events, or its whole tree each time that it changed. */
  readonly streams: 'events' | 'trees'
  /** The program that has recorded its runs, if that is not Teasel: `Burr`. */
  readonly recordedBy?: string
}

/** One letter a branch, in declaration order: `q r w t i d f c` for queued, running, waiting, retrying, interrupted, done, failed, cancelled. */
export interface Mosaic {
  readonly letters: string
  /** Whether more branches follow than the letters. */
  readonly more?: true
}

/** Options of a mosaic. */
export type MosaicQuery = Pick<BranchQuery, 'runId' | 'partitionKey' | 'path' | 'map' | 'visit' | 'epoch'>

/** Options of a difference of two states. */
export interface DiffQuery extends AppTarget {
  /** The number of the step before; -1 for the start. Default: the one before `to`. */
  readonly from?: number | undefined
  /** The number of the step after. Default: the last one. */
  readonly to?: number | undefined
}

/** One operation of a JSON Patch (RFC 6902). */
export type JsonPatchStep =
  | { readonly op: 'add' | 'replace'; readonly path: string; readonly value: Json }
  | { readonly op: 'remove'; readonly path: string }

/** Options of the chunks of a step. */
export interface ChunkQuery extends AppTarget {
  /** The number of the step. */
  readonly step: number
}

/** The chunks of a step, as far as they are recorded. */
export interface Chunks {
  /** In the order in which they were yielded. */
  readonly items: readonly Payload[]
  /** All of them joined, if all are texts. */
  readonly text?: string
  /** Whether more follow than were read. */
  readonly more?: true
}

/** Options of the picture of a run. */
export interface RunPictureQuery extends AppTarget {
  /** Whether the steps of the application itself are left out of the marks, so that only branches below are read. */
  readonly below?: boolean | undefined
  /** The `shape` that is known: equal places are not sent again. */
  readonly shape?: string | undefined
}

/** The picture of an application of a run: each branch of a map with up to twelve is a box of its own. */
export interface RunPicture {
  /** Absent where the server has no graph of the run, and where the places are those of the `shape` asked with. */
  readonly laid?: LaidPicture
  /** What the run adds to it. */
  readonly marks: RunMarks
  /** Names the graph and its boxes: equal for equal ones. */
  readonly shape: string
}

/** One page of events. */
export interface EventPage {
  readonly items: readonly WireEvent[]
  /** The position of the last event that was looked at: the next page follows it. Absent if there was none. */
  readonly after?: string
  /** Whether more events follow now. */
  readonly more?: true
  /** Whether the run has ended with the last of them. */
  readonly ended?: true
}

/** Members of every request for an action. */
export interface ActionRequest extends RunTarget {
  /** Only tells what would happen. Nothing changes. */
  readonly dryRun?: boolean | undefined
}

/** What an action has done, or would do. */
export interface Outcome {
  /** False for a dry run. */
  readonly done: boolean
  /** In one sentence, for people. */
  readonly text: string
}

/** Cancels a run, one branch of it, or a map. */
export interface CancelRequest extends ActionRequest, AppTarget {
  /**
   * A map at which the application at the path stands, as paths print it (`fan`, `fan#2`): what of it has not settled is
   * cancelled, and its source gives no more. How the map ends is up to its `settle`.
   */
  readonly map?: string | undefined
  /** For the signals of what is cancelled, and stored with the cancel. */
  readonly reason?: Json | undefined
}

/** `cancelled`: it has ended, or ends now. `requested`: its process ends it at its next heartbeat at the latest. */
export interface CancelOutcome extends Outcome {
  readonly status: 'cancelled' | 'requested'
}

/** Answers an open question. */
export interface AnswerRequest extends ActionRequest {
  /** The id of the question. Default: the only one that is open. */
  readonly pending?: string | undefined
  /** A kind that it takes. Default: the only one. */
  readonly kind?: string | undefined
  readonly body: Json
}

/** `delivery`: who has it now; `question`: the one that it answers. */
export interface AnswerOutcome extends Outcome {
  readonly delivery: Delivery
  readonly question: Pending
}

/** A step of a run, or of a branch of it. */
export interface StepRequest extends ActionRequest, AppTarget {
  /** The number of the last step that is kept; -1: the start. */
  readonly at: number
  /** The epoch of that step. Default: the newest that has it. */
  readonly epoch?: number | undefined
  /** Update over the state of that step, in the form of the codec. */
  readonly patch?: { readonly [key: string]: Json } | undefined
}

/** Starts another run from a step. */
export interface ForkRequest extends StepRequest {
  /** The id of the new run. Default: random. */
  readonly newId?: string | undefined
}

/** Lets a run go on that stands: it has failed, has halted, or was interrupted. */
export type ResumeRequest = ActionRequest

/** `run`: the run as it is now; for a fork, the new one. */
export interface RunOutcome extends Outcome {
  readonly run: RunSummary
  /** Whether a host of the server runs it, if it is due. Otherwise one in another process has to. */
  readonly hosted: boolean
}

/** What can be done with runs. Every method rejects with a `UiError` when it cannot be done. */
export interface RunActions {
  /** Cancels a run for good, or one branch of it. */
  cancel(request: CancelRequest): Promise<CancelOutcome>
  /** Sends the answer of an open question. */
  answer(request: AnswerRequest): Promise<AnswerOutcome>
  /** Stores a new run that begins at a step of another one. Earlier steps are not run again, later ones are. */
  fork(request: ForkRequest): Promise<RunOutcome>
  /** Makes a run due that has failed, has halted, or was interrupted: a host goes on with it at its next step. */
  resume(request: ResumeRequest): Promise<RunOutcome>
  /** Moves a run, or a branch of an open map, back to a step. Later steps stay readable under their epoch. */
  rewind(request: StepRequest): Promise<RunOutcome>
  /** Deletes a run and everything below it. */
  remove(request: ActionRequest): Promise<Outcome>
}

/** One frame of a stream. */
export type StreamFrame =
  /** The stream has begun, or was opened again. */
  | { readonly type: 'hello'; readonly topics: readonly string[] }
  | { readonly type: 'batch'; readonly topics: StreamBatch }
  /** The whole run, where its source has no events. */
  | { readonly type: 'tree'; readonly topic: string; readonly tree: RunTree }
  /**
   * Something is missing: read the topic again. `gap`: its events are not kept that far back. `slow`: the reader was. `gone`:
   * the run was deleted. The topic goes on, but for one that is gone.
   */
  | { readonly type: 'reset'; readonly topic: string; readonly why: 'gap' | 'slow' | 'gone' }
  /** Of the client: the connection is lost. It connects again after so many milliseconds. */
  | { readonly type: 'down'; readonly error: unknown; readonly retryMs: number }

/** What changed since the last batch, by topic. */
export interface StreamBatch {
  readonly runs?: readonly RunSummary[]
  /** The open questions, all of them, when they changed. */
  readonly pending?: readonly Pending[]
  readonly [run: `run/${string}`]: readonly WireEvent[]
}
