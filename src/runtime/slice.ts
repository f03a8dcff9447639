import { macrotask, monotonic } from '../internal/platform.js'

// Owns: how long the engine may hold the thread. Does not own: any application; there is one slice clock per thread.

/** How long engine time may run since the last macrotask, in milliseconds, before the next step border yields. */
const SLICE_MS = 10

let began: number | undefined
let turn: Promise<void> | undefined

function reset(): void {
  began = undefined
  turn = undefined
}

/**
 * Asked at each step border of every application: undefined while the slice lasts, else a promise of the next
 * macrotask, the same for all who ask in between. So loops that never wait starve neither timers nor a cancel.
 */
export function sliceOver(): Promise<void> | undefined {
  if (began === undefined) {
    began = monotonic()
    macrotask(reset)
    return undefined
  }
  if (turn !== undefined) return turn
  if (monotonic() - began < SLICE_MS) return undefined
  turn = new Promise((resolve) => {
    macrotask(resolve)
  })
  return turn
}
