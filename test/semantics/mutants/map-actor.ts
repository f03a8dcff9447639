/** A mistake in the engine: a text of one file, and its replacement. */
export interface Mutant {
  /** The fault in words. */
  readonly name: string
  /** Below `src`. */
  readonly file: string
  readonly from: string
  readonly to: string
  /** Laws; at least one of them has to catch it. */
  readonly caughtBy: readonly string[]
}

/** Seeded mistakes in the map actor. */
export const MUTANTS: readonly Mutant[] = [
  {
    name: 'settles a branch a second time when its end is reported again',
    file: 'runtime/map/map-runner.ts',
    from: '    if (result !== undefined) this.#settle(key, result) // M1',
    to: `    if (result !== undefined) this.#settle(key, result)
    else if (this.table.settled.has(key)) {
      const { index } = this.table.settled.get(key) as { index: number }
      const past = { inputs: {}, attempts: 1, endedAt: 0, state: {} }
      this.#record({ task: { key, index } as never, result: { status: 'done', state: {} } as never, past }, undefined)
    }`,
    caughtBy: ['every branch settles exactly once'],
  },
  {
    name: 'does not cancel queued branches',
    file: 'runtime/map/map-runner.ts',
    from: "    if (why.kind !== 'stopped')",
    to: "    if (why.kind !== 'stopped' && this.table.live.size < 0)",
    caughtBy: ['every branch settles exactly once'],
  },
  {
    name: 'ends before its branches have ended',
    file: 'runtime/map/map-state.ts',
    from: 'if (held > 0 || live > 0 || interceptorCalls > 0) return false',
    to: "if (held > 0 || (live > 0 && phase.kind === 'running') || interceptorCalls > 0) return false",
    caughtBy: ['what is above ends after what is below'],
  },
  {
    name: 'lets a later cancel replace the first one',
    file: 'runtime/application.ts',
    from: 'if (this.cancellation !== undefined || (!this.running',
    to: 'if ((!this.running',
    caughtBy: ['the first cancel counts'],
  },
  {
    name: 'drops the result of a branch that was cancelled',
    file: 'runtime/map/record-branch-result.ts',
    from: "  map.reducer.send(new Carrier('teasel.settled', result))",
    to: "  if (ending.status !== 'cancelled') map.reducer.send(new Carrier('teasel.settled', result))",
    caughtBy: ['reduce is given every result once'],
  },
  {
    name: 'gives permits of a shared limit that are not free',
    file: 'runtime/step/permit.ts',
    from: '    if (this.#semaphore.tryAcquire()) {',
    to: '    if (this.#semaphore.tryAcquire() || this.#request === undefined) {',
    caughtBy: ['limits are never exceeded'],
  },
  {
    name: 'is satisfied with a branch that failed',
    file: 'parallel/settle.ts',
    from: "  if (done >= wanted) return 'satisfied'",
    to: "  if (done + lost >= wanted) return 'satisfied'",
    caughtBy: ['the outcome obeys the settle policy'],
  },
  {
    name: 'counts a branch as done that was cancelled after its first step',
    file: 'runtime/map/outcome.ts',
    from: '  if (cancellation === undefined || attempts?.branchRecovered === true)',
    to: '  if (cancellation === undefined || attempts?.branchRecovered === true || app.checkpoint.sequenceId >= 0)',
    caughtBy: ['a cancelled branch is never done'],
  },
  {
    name: 'leaves the grace timer of a map running',
    file: 'runtime/map/completion.ts',
    from: '    this.grace.end()\n',
    to: '',
    caughtBy: ['no timer outlives its run'],
  },
  {
    name: 'delivers a message to the last receiver, and keeps the rest in reverse',
    file: 'runtime/message/mailbox.ts',
    from: "'refused' // M1\n    this.#messages.push(message)",
    to: "'refused' // M1\n    this.#messages.unshift(message)",
    caughtBy: ['messages are taken in order, each once'],
  },
]
