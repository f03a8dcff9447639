import type { RunBody } from '../action/action.js'
import { printPath } from '../action/context.js'
import { LiveApplication } from '../application/live-application.js'
import type { Graph } from '../application/runnable.js'
import { createDeferred } from '../internal/deferred.js'
import { toError } from '../internal/guards.js'
import type { AnyEvent } from '../lifecycle/events.js'
import type { EventSource } from '../runtime/event-source.js'
import { attemptsOf } from '../runtime/step/attempts.js'
import type { StandIn } from '../runtime/system.js'
import type { State } from '../state/freeze.js'
import { ReplayClock } from './replay-clock.js'
import { type RecordedStep, type RunRecording, readRecording, traceOf } from './run-recording.js'

// Owns: replaying a recorded run: conditions, sources, reducers and contracts are the real ones, results of actions are
// the recorded ones.
// P1  No action is called, and no branch leaves the process.
// P2  A step that was not recorded fails the replay, and names it.
// P3  Errors and results have the numbers of attempts that they had in the recorded run.

/** How a replay ended. */
export interface ReplayedRun {
  readonly status: 'finished' | 'halted' | 'failed'
  /** The state after its last step. */
  readonly state: State
  /** Why it failed. */
  readonly error?: Error
  /** Its committed actions, `path:action`, of each application in the order of its steps. */
  readonly trace: readonly string[]
  /** The same of the recorded run. */
  readonly recorded: readonly string[]
}

type Attempt = Parameters<StandIn['bodyOf']>[1]

/**
 * Replays a recorded run against a graph: each action gives its recorded chunks and result, and is not called. Conditions,
 * sources of maps, `watch`, reducers, schemas and contracts are those of the graph, so a change of them is seen at once: in
 * `trace`, in `state`, or as an error. Delays pass at once.
 *
 * A step that the recorded run did not end stays open until it is cancelled; what `app.cancel` or a sibling cancelled is
 * cancelled again. A run that was halted is replayed for as many steps.
 * @param graph the graph of the recorded run, perhaps changed since
 * @param recording of {@link recordRun}, or its text by `encode`
 * @throws {TypeError} for what is no recording
 *
 * @example
 * ```ts
 * const kit = defineState<{ n: number; big: boolean }>()
 * let calls = 0
 * const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + ++calls }) })
 * const end = kit.action({ reads: [], writes: ['big'], run: () => ({ big: true }) })
 * const graphWith = (limit: number) =>
 *   kit.graph({
 *     actions: { add, end },
 *     transitions: { add: [{ to: 'end', when: ({ state }) => state.n > limit }] },
 *   })
 * const recorder = recordRun()
 * const options = { entrypoint: 'add', state: { n: 5 }, tracker: recorder, interceptors: [recorder] } as const
 * await createApplication(graphWith(3), options).run()
 *
 * const { trace } = await replayRun(graphWith(100), recorder.recording())
 * trace // [':add']
 * calls // 1
 * ```
 */
export async function replayRun(
  graph: Pick<Graph<never, unknown, never, never>, 'actions'>,
  recording: RunRecording | string,
): Promise<ReplayedRun> {
  const recorded = readRecording(recording)
  const { entrypoint, state, steps, status } = recorded
  const clock = new ReplayClock(0)
  const done: RecordedStep[] = []
  const live = new LiveApplication(
    graph as never,
    {
      entrypoint,
      state,
      clock,
      logger: { debug() {}, info() {}, warn() {}, error() {} },
      tracker: { track: (event: AnyEvent) => void note(event, done) },
    } as never,
  )
  const { app } = LiveApplication.inside(live)
  app.system.executors = new Set() // P1
  const results = new Results(steps, clock)
  app.system.standIn = results
  const most = status === 'finished' || status === 'failed' ? Number.POSITIVE_INFINITY : rootSteps(steps)
  let error: Error | undefined
  try {
    for (let count = 0; count < most; count++) if ((await live.step()) === undefined) break
  } catch (thrown) {
    error = toError(thrown)
  } finally {
    clock.close()
  }
  error = results.missing ?? error // P2: also where its branch was one that may fail
  const end = error !== undefined ? 'failed' : app.checkpoint.next === undefined ? 'finished' : 'halted'
  return {
    status: end,
    state: app.checkpoint.state,
    ...(error !== undefined && { error }),
    trace: traceOf(done),
    recorded: traceOf(steps),
  }
}

const rootSteps = (steps: readonly RecordedStep[]): number =>
  steps.filter(({ path, status }) => path === '' && status !== 'cancelled').length

function note(event: AnyEvent, done: RecordedStep[]): void {
  if (event.type !== 'step.end' || event.status !== 'done') return
  const { path, source: action, sequenceId } = event
  done.push({ path: printPath(path), action, sequenceId, state: {}, inputs: {}, status: 'done' })
}

/** A recorded step, and its place in the order of results. */
interface Placed {
  readonly step: RecordedStep
  readonly order: number
}

/** The recorded results, by place. */
class Results implements StandIn {
  readonly #byPlace = new Map<string, Placed>()
  readonly #clock: ReplayClock
  /** The first step that was not recorded. */
  missing: Error | undefined

  constructor(steps: readonly RecordedStep[], clock: ReplayClock) {
    for (const [index, step] of steps.entries())
      this.#byPlace.set(`${step.path} ${step.sequenceId}`, { step, order: step.order ?? index })
    this.#clock = clock
  }

  /** The attempts before the recorded one have failed, though none is replayed. P3 */
  begin(run: Parameters<StandIn['begin']>[0]): void {
    const { path, checkpoint } = run.app
    const sequenceId = checkpoint.sequenceId + 1
    const found = this.#at(path, sequenceId)
    if (found === undefined) return
    const { attempt = 1, recovered, branch, cancelled } = found.step
    const { reason, cause, by } = cancelled ?? {}
    if (path.length > 0 && by !== undefined && (cause === 'app' || cause === 'context'))
      this.#clock.inTurn(found.order, () => void run.app.cancel(reason, cause, by)) // no code of the graph makes it
    if (attempt === 1 && recovered === undefined && branch === undefined) return
    const attempts = attemptsOf(run)
    const past = { ...attempts.past, tries: attempt - 1 }
    attempts.resume({ ...past, attempts: branch?.attempt ?? past.attempts }, branch?.before ?? 0)
    if (recovered === true) attempts.recovering = sequenceId
  }

  #at(path: EventSource['path'], sequenceId: number): Placed | undefined {
    return this.#byPlace.get(`${printPath(path)} ${sequenceId}`)
  }

  bodyOf({ path }: EventSource, attempt: Attempt, body: RunBody): RunBody {
    const { node, sequenceId, signal } = attempt
    const at = printPath(path)
    const found = this.#at(path, sequenceId)
    if (found === undefined || found.step.action !== node.name) {
      const other =
        found === undefined ? 'The recorded run had no such step' : `The recorded run had "${found.step.action}" there`
      const missing = this.#miss(attempt, at, other)
      return { ...body, run: () => Promise.reject(missing) } // P2
    }
    const { chunks } = found.step
    const end = (): Promise<unknown> => this.#end(found, attempt, at)
    return { ...body, run: chunks === undefined ? end : () => this.#tell(chunks, signal, end) }
  }

  async *#tell(chunks: NonNullable<RecordedStep['chunks']>, signal: AbortSignal, end: () => Promise<unknown>) {
    for (const { order, chunk } of chunks) {
      await this.#turn(order, signal)
      yield chunk
    }
    return await end()
  }

  async #end({ step, order }: Placed, attempt: Attempt, at: string): Promise<unknown> {
    const { signal } = attempt
    if (step.status === 'cancelled') {
      const { promise, reject } = createDeferred<never>()
      const by = step.cancelled === undefined ? '' : ` by "${step.cancelled.by}"`
      const stuck = (): void => reject(this.#miss(attempt, at, `The recorded run cancelled it${by}`)) // P2
      const takeBack = this.#clock.whenStuck(stuck)
      return promiseOr(signal, promise).finally(takeBack)
    }
    await this.#turn(order, signal)
    if (step.status === 'done') return step.update
    throw thrownBy(step.error)
  }

  /** Resolves in its turn, and rejects when the step is cancelled before. */
  #turn(order: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = createDeferred<void>()
    this.#clock.inTurn(order, resolve)
    return promiseOr(signal, promise)
  }

  #miss({ node, sequenceId }: Attempt, at: string, why: string): Error {
    const error = new TypeError(
      `replayRun has no result for step ${sequenceId} ("${node.name}"${at === '' ? '' : `, branch ${at}`}). ${why}. The graph now goes another way; record the run again where that is meant.`,
    )
    this.missing ??= error
    return error
  }
}

/** A promise that the abort of a signal rejects. */
function promiseOr<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  const { promise: aborted, reject } = createDeferred<never>()
  const abort = (): void => reject(signal.reason)
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort, { once: true })
  return Promise.race([promise, aborted]).finally(() => signal.removeEventListener('abort', abort))
}

/** What the action threw: its location is found anew. */
function thrownBy(error: unknown): unknown {
  const cause: unknown = Reflect.get(Object(error), 'cause')
  return Reflect.get(Object(error), 'code') === 'action' && cause !== undefined ? cause : error
}
