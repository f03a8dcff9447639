// Owns: what waits until the page has nothing else to do.

/** A page that always has something to do, or is hidden, does it after so long. */
const LATEST_MS = 500

/** Calls back when the page is idle. @returns a function that ends the wait */
export function whenIdle(work: () => void): () => void {
  if (typeof requestIdleCallback === 'undefined') {
    const timer = setTimeout(work)
    return () => clearTimeout(timer)
  }
  const idle = requestIdleCallback(work, { timeout: LATEST_MS })
  return () => cancelIdleCallback(idle)
}
