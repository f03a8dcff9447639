import { macrotask, monotonic } from '../internal/platform.js'

// Owns: how long the engine may hold the thread. Does not own: any application; there is one slice clock per thread.

/** How long engine time may run since the last macrotask, in milliseconds, before the next step border yields. */
const SLICE_MS = 10

/** While borders come this fast, in milliseconds, the clock is looked at only once in {@link GLANCE} of them. */
const FAST_MS = 0.2
const GLANCE = 8

/** Awaited after a step that did not wait: others get their turn. Costs less than to await what is no promise. */
export const TURN: Promise<void> = Promise.resolve()

/** After so long, in milliseconds, a macrotask that has not run is lost: the test that faked the timers has ended. */
const LOST_MS = 1_000

let began: number | undefined
let turn: Promise<void> | undefined
let looked = 0
let skips = 0

function reset(): void {
  began = undefined
  turn = undefined
  skips = 0
}

/**
 * Asked at each step border of every application: undefined while the slice lasts, else a promise of the next
 * macrotask, the same for all who ask in between. So loops that never wait starve neither timers nor a cancel.
 */
export function sliceOver(): Promise<void> | undefined {
  if (began === undefined) {
    began = monotonic()
    looked = began
    macrotask(reset)
    return undefined
  }
  if (turn !== undefined) {
    if (monotonic() - began < LOST_MS) return turn
    reset()
    return sliceOver()
  }
  if (skips > 0) {
    skips -= 1
    return undefined
  }
  const now = monotonic()
  skips = now - looked < FAST_MS ? GLANCE : 0
  looked = now
  if (now - began < SLICE_MS) return undefined
  turn = new Promise((resolve) => {
    macrotask(() => {
      reset()
      resolve()
    })
  })
  return turn
}
