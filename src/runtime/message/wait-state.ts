import type { WaitsFor } from '../map/branch-handle.js'
import type { LiveApp, LiveAttempt, LiveRun, LiveWaitState, OpenWait } from '../tree.js'
import type { PendingMessage } from './pending.js'

// Owns: what one run waits for, counted, and what follows for the applications and maps above it.
// Does not own: a wait itself (wait.ts), the counts of a map (branch-messages.ts).
// W1  A change costs a few additions for each application above, whatever its number of branches.
// W2  An action that waits counts as waiting, whatever else it may do meanwhile: nobody can see that.

/** The waits of one run. Made when it first waits, or something below it does. */
class WaitState implements LiveWaitState {
  readonly #run: LiveRun
  readonly #open = new Set<OpenWait>()
  #outside = 0
  /** What {@link WaitState.reckon} last found. */
  level: WaitsFor = 'nothing'
  /** Applications that the step made by hand: runs that go on, runs that are awaited, and runs that wait for a person. */
  readonly below = { running: 0, awaited: 0, waiting: 0 }
  /** Told of each change of the level. */
  changed: (() => void) | undefined

  constructor(run: LiveRun) {
    this.#run = run
  }

  get open(): ReadonlySet<OpenWait> {
    return this.#open
  }

  /** Counts a wait, and says nothing of it yet. */
  add(wait: OpenWait): void {
    this.#open.add(wait)
    if (wait.from === 'outside') this.#outside += 1
  }

  /** False when it has ended before. */
  remove(wait: OpenWait): boolean {
    if (!this.#open.delete(wait)) return false
    if (wait.from === 'outside') this.#outside -= 1
    this.reckon()
    return true
  }

  /** No message of a sibling comes any more. */
  releaseSiblings(error: { readonly reason: unknown } | undefined): void {
    for (const wait of this.#open) if (wait.from === 'siblings') wait.release(error)
  }

  /** The step has ended: whatever it still waits for is over. */
  drop(step: LiveAttempt): void {
    for (const wait of this.#open) if (wait.step === step) wait.release()
  }

  /** Looks again at what is left, and hands a change upwards (W1). */
  reckon(): void {
    const before = this.level
    const after = this.#found()
    if (before === after) return
    this.level = after
    const { app, cancellation } = this.#run
    const { self, parent } = app
    if (cancellation === undefined) self.send({ type: 'teasel.waits', waiting: after !== 'nothing' })
    if (parent?.map !== undefined) parent.map.waitsChanged(parent.key, before, after)
    else if (parent?.app.run !== undefined) {
      const above = waitStateOf(parent.app.run)
      above.below.waiting += Number(after === 'outside') - Number(before === 'outside')
      above.reckon()
    }
    this.changed?.()
  }

  #found(): WaitsFor {
    const { cancellation, step } = this.#run
    if (cancellation !== undefined || step === undefined) return 'nothing'
    if (step.map !== undefined) return step.map.waitsFor
    const { running, awaited, waiting } = this.below
    if (running > waiting) return 'nothing'
    if (this.#outside > 0 || (awaited > 0 && waiting > 0)) return 'outside'
    return this.#open.size > 0 ? 'siblings' : 'nothing'
  }
}

/** The waits of a run, made when first asked for. */
export function waitStateOf(run: LiveRun): LiveWaitState {
  run.waits ??= new WaitState(run)
  return run.waits
}

/** Whether a run may stop waiting by itself, without a message. */
export function mayWithdraw(run: LiveRun | undefined): boolean {
  for (const wait of run?.waits?.open ?? []) if (wait.withdrawable) return true
  return false
}

/** Who waits for a message from outside, in an application and below it, in the order of branches. */
export function* pendingIn(app: LiveApp): Generator<PendingMessage, void, void> {
  for (const { from, kinds, since, step } of app.run?.waits?.open ?? []) {
    if (from !== 'outside') continue
    const { path, appId, checkpoint } = app
    yield { path, action: step.node.name, kinds, appId, sequenceId: checkpoint.sequenceId + 1, since }
  }
  for (const branch of app.run?.step?.map?.table.live.values() ?? []) yield* branch.pending()
  for (const below of app.run?.subApps?.values() ?? []) yield* pendingIn(below)
}
