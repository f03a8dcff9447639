import type { Received } from '../../action/message.js'
import type { MessageSchemas } from '../../action/message-schemas.js'
import { Few } from '../../internal/few.js'
import type { LiveRun, WaitsFor } from '../map/branch-handle.js'

// Owns: what one run waits for, counted.
// Does not own: a single wait (wait.ts), the counts of a map (branch-messages.ts).
// W1  A change costs a few additions for each application above, whatever its number of branches.
// W2  A waiting action counts as waiting even if it does other work; the engine cannot tell.

/** One open wait, for a message or for a time. */
export interface OpenWait {
  readonly id: string
  readonly step: WaitingStep
  readonly kinds: readonly string[]
  readonly from: 'outside' | 'siblings' | 'time'
  readonly ask: unknown
  readonly schemas: MessageSchemas | undefined
  /** Epoch milliseconds. */
  readonly since: number
  /** When it ends by itself, epoch milliseconds. */
  readonly until: number | undefined
  /** It may end without a message: it has a time limit or a signal of its own. */
  readonly withdrawable: boolean
  wants(message: Received): boolean
  /** Ends it with a message. */
  answer(message: Received): void
  /** Ends it, with an error or without a message. */
  release(error?: { readonly reason: unknown }): void
}

interface WaitingStep {
  readonly node: { readonly name: string }
}

/** What a wait state uses of its run. */
interface Waiter {
  readonly cancellation: object | undefined
  readonly attempts: { readonly due: object | undefined } | undefined
  readonly step: { readonly map: { readonly waitsFor: WaitsFor } | undefined } | undefined
  waitsChanged(before: WaitsFor, after: WaitsFor): void
}

/** Applications that the step made, by what their runs do: continue, are awaited, wait for a person. */
type Below = Record<'running' | 'awaited' | 'waiting', number>
const NONE_BELOW: Below = { running: 0, awaited: 0, waiting: 0 }

/** What one run waits for: its open waits, and their level. Made when it first waits, or when something below it does. */
export class WaitState extends Few<OpenWait> {
  readonly #run: Waiter
  /** Waits for a message from outside, or for a time. */
  #outside = 0
  /** The level that {@link WaitState.update} last found. */
  level: WaitsFor = 'nothing'
  #below: Below | undefined
  /** Called at each change of the level. */
  changed: (() => void) | undefined

  constructor(run: Waiter) {
    super()
    this.#run = run
  }

  /** Whether a wait may end without a message. */
  get mayWithdraw(): boolean {
    for (const { withdrawable } of this) if (withdrawable) return true
    return false
  }

  /** Counts a wait, without {@link WaitState.update}. */
  override add(wait: OpenWait): void {
    super.add(wait)
    if (wait.from !== 'siblings') this.#outside += 1
  }

  /** @returns false when it has ended already */
  remove(wait: OpenWait): boolean {
    if (!this.delete(wait)) return false
    if (wait.from !== 'siblings') this.#outside -= 1
    this.update()
    return true
  }

  /** Hands a message to the first wait that wants it. @returns false where none does */
  hand(message: Received): boolean {
    for (const wait of this) {
      if (!wait.wants(message)) continue
      wait.answer(message)
      return true
    }
    return false
  }

  /** Counts applications that the step made. */
  countBelow(what: 'running' | 'awaited' | 'waiting', by: number): void {
    this.#below ??= { running: 0, awaited: 0, waiting: 0 }
    this.#below[what] += by
    this.update()
  }

  /** Ends the waits for siblings: none can send any more. */
  releaseSiblings(error: { readonly reason: unknown } | undefined): void {
    for (const wait of this) if (wait.from === 'siblings') wait.release(error)
  }

  /** Ends the waits of a step that has ended, or was cancelled with an error; without a step, all. */
  endOf(step?: WaitingStep, error?: { readonly reason: unknown }): void {
    for (const wait of this) if (step === undefined || wait.step === step) wait.release(error)
  }

  /** Computes the level anew, and reports a change upwards (W1). */
  update(): void {
    const before = this.level
    const after = levelOf(this.#run, this.size, this.#outside, this.#below)
    if (before === after) return
    this.level = after
    this.#run.waitsChanged(before, after)
    this.changed?.()
  }
}

/** Whether anything below a run is in a delay before an attempt. */
export const retriesBelow = ({ step }: LiveRun): boolean =>
  [...(step?.map?.table.live.values() ?? [])].some(
    ({ isRetrying, inside }) => isRetrying || (inside?.run !== undefined && retriesBelow(inside.run)),
  )

function levelOf(run: Waiter, open: number, outside: number, below: Below = NONE_BELOW): WaitsFor {
  const { cancellation, step, attempts } = run
  if (cancellation !== undefined) return 'nothing'
  if (step === undefined) return attempts?.due === undefined ? 'nothing' : 'retry'
  if (step.map !== undefined) return step.map.waitsFor
  const { running, awaited, waiting } = below
  if (running > waiting) return 'nothing'
  if (outside > 0 || (awaited > 0 && waiting > 0)) return 'outside'
  return open > 0 ? 'siblings' : 'nothing'
}
