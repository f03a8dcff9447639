import { printPath } from '../action/context.js'
import { decode, encode } from '../codec/encode.js'
import { describeValue, isPlainObject } from '../internal/guards.js'
import type { AnyEvent, CancelEvent, RetryEvent, StepStart } from '../lifecycle/events.js'
import type { InterceptedApp, InterceptedStep, Interceptor } from '../lifecycle/interceptor.js'
import type { State } from '../state/freeze.js'
import type { Tracker } from '../tracking/tracker.js'

// Owns: the record of a run: what each step was given, and its result.
// R1  Of the attempts at a step the last one counts, with its number: a replay tries nothing again.
// R2  A step counts as cancelled from the tick in which the cancel reached it, unless it commits all the same.

/** One step of a recorded run, at any depth. */
export interface RecordedStep {
  /** The printed path of its application; empty for the root. */
  readonly path: string
  /** The action by its name in its own graph. */
  readonly action: string
  readonly sequenceId: number
  /** The state of its application before the step. */
  readonly state: State
  readonly inputs: Readonly<Record<string, unknown>>
  readonly status: 'done' | 'failed' | 'cancelled'
  /** The update of a step that is done. */
  readonly update?: State
  /** The error of a step that failed. */
  readonly error?: unknown
  /** The source of the cancel of a step that was cancelled. */
  readonly cancelled?: Pick<CancelEvent, 'cause' | 'by' | 'reason'>
  /** The chunks that it yielded, if any. */
  readonly chunks?: readonly RecordedChunk[]
  /** Its place in the order of all results and chunks. */
  readonly order?: number
  /** The number of its last attempt; absent for the first one. */
  readonly attempt?: number
  /** True when the update is that of the fallback of its action. */
  readonly recovered?: true
  /** The last retry of its branch; absent where the branch was not retried. */
  readonly branch?: RecordedRetry
}

/** A chunk, and its place in the order of all results and chunks. */
export interface RecordedChunk {
  readonly order: number
  readonly chunk: unknown
}

/** The last retry of a branch, as a step of it was recorded. */
export interface RecordedRetry {
  /** The number of starts and retries of the branch. */
  readonly attempt: number
  /** How many attempts at this step failed before it. */
  readonly before: number
}

/** A recorded run. It is data: `encode` of `teasel/codec` makes a text of it, which a replay takes too. */
export interface RunRecording {
  readonly version: 1
  /** The action that the run began with. */
  readonly entrypoint: string
  /** The state that it began with. */
  readonly state: State
  /** Its steps, in the order in which they ended. */
  readonly steps: readonly RecordedStep[]
  /** How it ended; absent while it runs. */
  readonly status?: 'halted' | 'finished' | 'failed' | 'cancelled'
}

/** The last retry of a branch, and the step that had failed. */
type Retried = RecordedRetry & { readonly sequenceId: number }

/** An attempt under way, or the delay before one. */
interface OpenAttempt {
  readonly event: StepStart | RetryEvent
  readonly chunks: RecordedChunk[]
  /** The retry of its branch that begins after the delay. */
  readonly retried: Retried | undefined
}

type StepEnd = Extract<AnyEvent, { type: 'step.end' }>

/** Records a run: give it to an application as `tracker` and in `interceptors`. */
export interface RunRecorder extends Tracker, Interceptor {
  readonly name: string
  /** @throws {TypeError} when no run was recorded */
  recording(): RunRecording
}

/**
 * Records a run of a root application, with all branches: the state and the inputs of each step, its chunks, and its update
 * or its error. A further `run()` of the application continues the recording. {@link replayRun} replays it without calling an
 * action, {@link createTestCase} makes a test of one step.
 *
 * @example
 * ```ts
 * const kit = defineState<{ n: number }>()
 * const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
 * const graph = kit.graph({ actions: { add } })
 * const recorder = recordRun()
 * const options = { entrypoint: 'add', state: { n: 1 }, tracker: recorder, interceptors: [recorder] } as const
 * await createApplication(graph, options).run()
 * recorder.recording().steps[0]?.update // { n: 2 }
 * ```
 */
export function recordRun(): RunRecorder {
  return new Recorder()
}

class Recorder implements RunRecorder {
  readonly name = 'run recorder'
  #entrypoint: string | undefined
  #state: State | undefined
  #status: RunRecording['status']
  readonly #begun = new Map<string, InterceptedStep>()
  /** The last retries of branches, by the id of their application. */
  readonly #retried = new Map<string, Retried>()
  /** The attempts under way, and the delays before them, by the id of their application. */
  readonly #open = new Map<string, OpenAttempt>()
  #order = 0
  /** By place. R1 */
  readonly #steps = new Map<string, RecordedStep>()

  readonly beforeRun = ({ path, state }: InterceptedApp): void => {
    if (path.length === 0) this.#state ??= state
  }

  readonly beforeStep = (step: InterceptedStep): void => {
    this.#begun.set(`${step.appId} ${step.sequenceId}`, step)
  }

  track(event: AnyEvent): void {
    const isRoot = event.path.length === 0
    if (event.type === 'run.start' && isRoot) {
      this.#entrypoint ??= event.next
      this.#status = undefined
    }
    if (event.type === 'run.end' && isRoot) this.#status = event.status
    if (event.type === 'retry' && event.level !== 'reduce') this.#retry(event)
    if (event.type === 'step.start') this.#start(event)
    if (event.type === 'chunk') this.#open.get(event.appId)?.chunks.push({ order: this.#order++, chunk: event.chunk })
    if (event.type === 'cancel') this.#cancel(event)
    if (event.type === 'step.end') this.#end(event)
  }

  /** R2 */
  #cancel({ appId, cause, by, reason }: CancelEvent): void {
    const open = this.#open.get(appId)
    if (open !== undefined) this.#set(open.event, { status: 'cancelled', cancelled: { cause, by, reason } })
  }

  #end(event: StepEnd): void {
    const { status } = event
    if (status === 'done')
      this.#set(event, { status, update: event.update, ...(event.recovered && { recovered: true }) })
    else if (status === 'failed') this.#set(event, { status, error: event.error })
    else if (this.#steps.get(placeOf(event))?.status !== 'cancelled') this.#set(event, { status })
    this.#open.delete(event.appId)
  }

  #set(
    event: StepStart | StepEnd | RetryEvent,
    result: Pick<RecordedStep, 'status' | 'update' | 'error' | 'cancelled' | 'recovered'>,
  ): void {
    const { appId, path, source, sequenceId } = event
    const begun = this.#begun.get(`${appId} ${sequenceId}`)
    const chunks = this.#open.get(appId)?.chunks ?? []
    const place = placeOf(event)
    this.#steps.delete(place)
    this.#steps.set(place, {
      path: printPath(path),
      action: source,
      sequenceId,
      state: begun?.state ?? {},
      inputs: begun?.inputs ?? {},
      ...result,
      order: this.#order++,
      ...(chunks.length > 0 && { chunks }),
      ...this.#triesOf(event),
    })
  }

  /** The delay before the next attempt belongs to the step: a cancel may come in it. */
  #retry(event: RetryEvent): void {
    const { level, attempt, sequenceId } = event
    const before = this.#steps.get(placeOf(event))?.attempt ?? 1
    const retried = level === 'branch' ? { attempt, before, sequenceId } : undefined
    this.#open.set(event.appId, { event, retried, chunks: [] })
  }

  #start(event: StepStart): void {
    const { appId } = event
    const retried = this.#open.get(appId)?.retried
    if (retried !== undefined) this.#retried.set(appId, retried)
    this.#open.set(appId, { event, retried: undefined, chunks: [] })
  }

  #triesOf(event: StepStart | StepEnd | RetryEvent): Pick<RecordedStep, 'attempt' | 'branch'> {
    const { appId, attempt, sequenceId } = event
    const retried = this.#retried.get(appId)
    const before = retried?.sequenceId === sequenceId ? retried.before : 0
    return {
      ...(attempt > 1 && { attempt }),
      ...(retried !== undefined && { branch: { attempt: retried.attempt, before } }),
    }
  }

  recording(): RunRecording {
    if (this.#entrypoint === undefined)
      throw new TypeError(
        'This recorder has recorded no run. Give it to createApplication as `tracker`, and in the list of `interceptors`.',
      )
    return {
      version: 1,
      entrypoint: this.#entrypoint,
      state: this.#state ?? {},
      steps: [...this.#steps.values()].map(storable),
      ...(this.#status !== undefined && { status: this.#status }),
    }
  }
}

/** A step whose chunks, and the reason of whose cancel, are data: a value that no text can hold is described. */
function storable(step: RecordedStep): RecordedStep {
  const { chunks, cancelled } = step
  if (chunks === undefined && cancelled === undefined) return step
  return {
    ...step,
    ...(chunks && { chunks: chunks.map(({ order, chunk }) => ({ order, chunk: dataOf(chunk) })) }),
    ...(cancelled && { cancelled: { ...cancelled, reason: dataOf(cancelled.reason) } }),
  }
}

function dataOf(value: unknown): unknown {
  try {
    encode(value)
    return value
  } catch {
    return describeValue(value)
  }
}

const placeOf = ({ path, sequenceId }: StepStart | StepEnd | RetryEvent): string => `${printPath(path)} ${sequenceId}`

/**
 * A recording, or the text of one.
 * @throws {TypeError} for another value, {SyntaxError} for a text that `encode` did not make
 */
export function readRecording(given: RunRecording | string): RunRecording {
  const value: unknown = typeof given === 'string' ? decode(given) : given
  if (!isPlainObject(value) || value['version'] !== 1 || !Array.isArray(value['steps']))
    throw new TypeError(`${describeValue(value)} is no recording of a run. Make one with recordRun().`)
  return value as unknown as RunRecording
}

/** The actions of a run: of each application in the order of its steps, `path:action`. */
export const traceOf = (steps: readonly Pick<RecordedStep, 'path' | 'action' | 'sequenceId' | 'status'>[]): string[] =>
  steps
    .filter(({ status }) => status === 'done')
    .sort((a, b) => (a.path === b.path ? a.sequenceId - b.sequenceId : a.path < b.path ? -1 : 1))
    .map(({ path, action }) => `${path}:${action}`)
