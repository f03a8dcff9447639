import { isThenable } from './guards.js'
import { macrotask, monotonic } from './platform.js'

// Owns: how long the engine may hold the thread. Does not own: any application; there is one slice clock per thread.
// T1  Whoever asks when the slice is over gets a turn of its own: in the next macrotask the turns are taken a few at a
//     time, the longest wait first, and once that slice is over too, the rest wait for the macrotask after it.

/** How long engine time may run since the last macrotask, in milliseconds, before the next step border yields. */
const SLICE_MS = 10
/** How long before nothing new is begun: what was begun in this slice has work left in it. */
export const BEGIN_MS = SLICE_MS / 4

/** While borders come this fast, in milliseconds, the clock is looked at only once in {@link GLANCE} of them. */
const FAST_MS = 0.2
const GLANCE = 8

/** Awaited after a step that did not wait: others get their turn. Costs less than to await what is no promise. */
export const TURN: Promise<void> = Promise.resolve()

/** After so long, in milliseconds, a macrotask that has not run is lost: the test that faked the timers has ended. */
const LOST_MS = 1_000

let began: number | undefined
let over = false
let looked = 0
let skips = 0
/** Those who wait for a turn, and how many of them have had theirs. */
let waiting: (() => void)[] = []
let taken = 0

function reset(): void {
  began = undefined
  over = false
  skips = 0
}

/**
 * Asked at each border between pieces of work, of every application: undefined while the slice lasts, else a promise of
 * a turn in a later macrotask. So loops that never wait starve neither timers nor a cancel.
 * @param ms how long it lasts for whoever asks
 */
export function sliceOver(ms = SLICE_MS): Promise<void> | undefined {
  return isOver(ms) ? new Promise((resolve) => void waiting.push(resolve)) : undefined
}

function isOver(ms: number): boolean {
  if (began === undefined) {
    began = monotonic()
    looked = began
    macrotask(reset)
    return false
  }
  if (over) {
    if (monotonic() - began < LOST_MS) return true
    reset()
    return isOver(ms)
  }
  if (skips > 0) skips -= 1
  else {
    const now = monotonic()
    skips = now - looked < FAST_MS ? GLANCE : 0
    looked = now
  }
  // Also by the last look: who asks now and then would else never be the one that looks.
  if (looked - began < ms) return false
  over = true
  macrotask(() => {
    reset()
    takeTurns()
  })
  return true
}

/** How many go on together, so that what they save can go together too. */
const TOGETHER = 16

/** Lets the next ones go on, and asks again once they have done what they do at once (T1). */
function takeTurns(): void {
  if (taken === waiting.length) {
    waiting = []
    taken = 0
    return
  }
  skips = 0
  if (isOver(SLICE_MS)) return
  for (const most = Math.min(taken + TOGETHER, waiting.length); taken < most; taken++) waiting[taken]?.()
  void TURN.then(takeTurns)
}

/** Work in pieces: it gives control away after each, and where it gives a promise, waits for that. */
export type Pieces<T> = Generator<unknown, T, void>

/** Does pieces of work one after the other, and yields between them as a loop does between steps; at once where it can. */
export function inSlices<T>(work: Pieces<T>): T | Promise<T> {
  for (;;) {
    const turn = sliceOver(BEGIN_MS)
    if (turn !== undefined) return turn.then(() => inSlices(work))
    const { done, value } = work.next()
    if (done === true) return value
    if (isThenable(value)) return Promise.resolve(value).then(() => inSlices(work))
  }
}

/** A piece that is waited for. */
export function* answerOf<T>(answer: T | PromiseLike<T>): Pieces<T> {
  if (!isThenable(answer)) return answer as T
  let found: { readonly value: T } | undefined
  yield Promise.resolve(answer as PromiseLike<T>).then((value) => {
    found = { value }
  })
  return (found as unknown as { readonly value: T }).value
}
