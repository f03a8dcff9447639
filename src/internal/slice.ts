import { isThenable } from './guards.js'
import { macrotask, monotonic } from './platform.js'

// Owns: how long the engine may hold the thread.
// Does not own: any application; there is one slice clock per thread.
// T1  A caller beyond the end of the slice gets a turn of its own: in the next macrotask a few turns are taken at a
//     time, longest wait first, and when that slice is over too, the rest wait for the following macrotask.

/** Longest engine time since the last macrotask, in milliseconds, before the next step border yields. */
const SLICE_MS = 10
/** Engine time in milliseconds after which nothing new starts: work started in this slice needs the rest. */
export const BEGIN_MS = SLICE_MS / 4

/** While borders are closer than this, in milliseconds, the clock is read only once per {@link CHECK_EVERY} of them. */
const FAST_MS = 0.2
const CHECK_EVERY = 8

/**
 * After so many readings of the same time the slice is over too: while code runs, the clock of a Cloudflare Worker stands
 * still. No clock that ticks each millisecond gives so many.
 */
const MOST_STILL = 500

/** Awaited after a synchronous step, so that others get a turn. Cheaper than awaiting a value that is not a promise. */
export const TURN: Promise<void> = Promise.resolve()

/** After this time, in milliseconds, a macrotask that has not run is lost: the test that faked the timers has ended. */
const LOST_MS = 1_000

let began: number | undefined
let over = false
let looked = 0
let looks = 0
let skips = 0
/** Readings since the start of the slice that gave its time. */
let still = 0
/** Callers waiting for a turn, and the number of them that have had it. */
let waiting: (() => void)[] = []
let taken = 0

function reset(): void {
  began = undefined
  over = false
  skips = 0
}

/** Number of times that the clock was read. While it stays the same, only a few short pieces of work have been done. */
export const clockLooks = (): number => looks

/**
 * Called at each border between pieces of work, by every application. Returns undefined while the slice lasts, else a
 * promise of a turn in a later macrotask. So synchronous loops starve neither timers nor a cancel.
 * @param ms length of the slice for this caller
 */
export function sliceOver(ms = SLICE_MS): Promise<void> | undefined {
  return isOver(ms) ? new Promise((resolve) => void waiting.push(resolve)) : undefined
}

function isOver(ms: number): boolean {
  if (began === undefined) {
    began = monotonic()
    looked = began
    still = 0
    looks += 1
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
    skips = now - looked < FAST_MS ? CHECK_EVERY : 0
    if (now === began) still += 1
    looked = now
    looks += 1
  }
  // Counts from the last look too: otherwise an infrequent caller would never be the one that reads the clock.
  if (looked - began < ms && still < MOST_STILL) return false
  over = true
  macrotask(() => {
    reset()
    takeTurns()
  })
  return true
}

/** Number of callers that continue together, so that their saves can be grouped. */
const TOGETHER = 16

/** Lets the next callers continue, and repeats after their synchronous work (T1). */
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

/** Work in pieces: yields control after each, and waits for yielded promises. */
export type Pieces<T> = Generator<unknown, T, void>

/**
 * Runs pieces of work in sequence, yielding the thread between them as a loop does between steps; synchronously where
 * possible.
 */
export function inSlices<T>(work: Pieces<T>): T | Promise<T> {
  for (;;) {
    const turn = sliceOver(BEGIN_MS)
    if (turn !== undefined) return turn.then(() => inSlices(work))
    const { done, value } = work.next()
    if (done === true) return value
    if (isThenable(value)) return Promise.resolve(value).then(() => inSlices(work))
  }
}

/** A piece that is awaited. */
export function* answerOf<T>(answer: T | PromiseLike<T>): Pieces<T> {
  if (!isThenable(answer)) return answer as T
  const found: T[] = []
  yield Promise.resolve(answer as PromiseLike<T>).then((value) => void found.push(value))
  return found[0] as T
}

/** The number of pieces of work between two tests of the slice, so that a small map starts as a whole. */
const STARTS = 8

/** Yields between pieces of work, as the loop of a run does between steps. */
export class OwnTurn {
  /** True between a yield and the next turn. */
  awaited = false
  #done = 0
  readonly #goOn: () => void

  /** @param goOn called at the next turn */
  constructor(goOn: () => void) {
    this.#goOn = goOn
  }

  /** Whether the next piece of work waits for another turn. */
  get over(): boolean {
    this.#done += 1
    if (this.#done % STARTS !== 0) return false
    const turn = sliceOver(BEGIN_MS)
    if (turn === undefined) return false
    this.awaited = true
    void turn.then(() => {
      this.awaited = false
      this.#goOn()
    })
    return true
  }
}
