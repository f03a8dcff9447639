import type { MessageSchemas } from '../../action/message-schemas.js'
import { Few } from '../../internal/few.js'
import type { WaitsFor } from '../map/branch-handle.js'

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

const NONE_BELOW = { running: 0, awaited: 0, waiting: 0 }

/** What one run waits for. Made when it first waits, or when something below it does. */
export class WaitState {
  readonly #run: Waiter
  readonly open = new Few<OpenWait>()
  /** Waits for a message from outside, or for a time. */
  #outside = 0
  /** The level that {@link WaitState.update} last found. */
  level: WaitsFor = 'nothing'
  /** Applications that the step made, by what their runs do: continue, are awaited, wait for a person. */
  #below: Record<'running' | 'awaited' | 'waiting', number> | undefined
  /** Called at each change of the level. */
  changed: (() => void) | undefined

  constructor(run: Waiter) {
    this.#run = run
  }

  /** Whether a wait may end without a message. */
  get mayWithdraw(): boolean {
    for (const { withdrawable } of this.open) if (withdrawable) return true
    return false
  }

  /** Counts a wait, without {@link WaitState.update}. */
  add(wait: OpenWait): void {
    this.open.add(wait)
    if (wait.from !== 'siblings') this.#outside += 1
  }

  /** @returns false when it has ended already */
  remove(wait: OpenWait): boolean {
    if (!this.open.delete(wait)) return false
    if (wait.from !== 'siblings') this.#outside -= 1
    this.update()
    return true
  }

  /** Counts applications that the step made. */
  countBelow(what: 'running' | 'awaited' | 'waiting', by: number): void {
    this.#below ??= { running: 0, awaited: 0, waiting: 0 }
    this.#below[what] += by
    this.update()
  }

  /** Ends the waits for siblings: none can send any more. */
  releaseSiblings(error: { readonly reason: unknown } | undefined): void {
    for (const wait of this.open) if (wait.from === 'siblings') wait.release(error)
  }

  /** Ends the waits of a step that has ended, or was cancelled with an error. */
  endOf(step: WaitingStep, error?: { readonly reason: unknown }): void {
    for (const wait of this.open) if (wait.step === step) wait.release(error)
  }

  /** Computes the level anew, and reports a change upwards (W1). */
  update(): void {
    const before = this.level
    const after = this.#found()
    if (before === after) return
    this.level = after
    this.#run.waitsChanged(before, after)
    this.changed?.()
  }

  #found(): WaitsFor {
    const { cancellation, step, attempts } = this.#run
    if (cancellation !== undefined) return 'nothing'
    if (step === undefined) return attempts?.due === undefined ? 'nothing' : 'retry'
    if (step.map !== undefined) return step.map.waitsFor
    const { running, awaited, waiting } = this.#below ?? NONE_BELOW
    if (running > waiting) return 'nothing'
    if (this.#outside > 0 || (awaited > 0 && waiting > 0)) return 'outside'
    return this.open.size > 0 ? 'siblings' : 'nothing'
  }
}
