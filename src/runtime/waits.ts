import type { LiveApp, LiveStep, LiveWaits, OpenWait, WaitsFor } from './tree.js'

// Owns: what one application waits for, counted, and what follows for the applications and maps above it.
// Does not own: a wait itself (message-wait.ts), the counts of a map (siblings.ts).
// W1  A change costs a few additions for each application above, whatever its number of branches.
// W2  An action that waits counts as waiting, whatever else it may do meanwhile: nobody can see that.

/** The waits of one application. Made when it first waits, or something below it does. */
class Waits implements LiveWaits {
  readonly #app: LiveApp
  readonly #open = new Set<OpenWait>()
  #outside = 0
  /** What {@link Waits.reckon} last found. */
  level: WaitsFor = 'nothing'
  /** Applications that the step made by hand: runs that go on, runs that are awaited, and runs that wait for a person. */
  readonly below = { running: 0, awaited: 0, waiting: 0 }
  /** Told of each change of the level. */
  changed: (() => void) | undefined

  constructor(app: LiveApp) {
    this.#app = app
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
  drop(step: LiveStep): void {
    for (const wait of this.#open) if (wait.step === step) wait.release()
  }

  /** Looks again at what is left, and hands a change upwards (W1). */
  reckon(): void {
    const before = this.level
    const after = this.#found()
    if (before === after) return
    this.level = after
    const { self, parent, cancellation } = this.#app
    if (cancellation === undefined) self.send({ type: 'teasel.waits', waiting: after !== 'nothing' })
    if (parent?.map !== undefined) parent.map.siblings.changed(before, after, this.#app)
    else if (parent !== undefined) {
      const above = waitsOf(parent.app)
      above.below.waiting += Number(after === 'outside') - Number(before === 'outside')
      above.reckon()
    }
    this.changed?.()
  }

  #found(): WaitsFor {
    const { cancellation, step } = this.#app
    if (cancellation !== undefined || step === undefined) return 'nothing'
    if (step.map !== undefined) return step.map.siblings.waitsFor
    const { running, awaited, waiting } = this.below
    if (running > waiting) return 'nothing'
    if (this.#outside > 0 || (awaited > 0 && waiting > 0)) return 'outside'
    return this.#open.size > 0 ? 'siblings' : 'nothing'
  }
}

/** The waits of an application, made when first asked for. */
export function waitsOf(app: LiveApp): LiveWaits {
  app.waits ??= new Waits(app)
  return app.waits
}
