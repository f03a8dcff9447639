// Owns: which branches of this process wait for branches that they have submitted as jobs. A worker gives their slots to
// other jobs, so that branches below branches never wait for a slot that their own parents have.
// G1  Only what a worker runs in its own process is known: not branches in its threads and processes.

const waiting = new Map<string, number>()
const watchers = new Set<(root: string, waits: boolean) => void>()

/** A branch has submitted a task. @param root the id of the branch, in the worker that runs it */
export function nestedBegan(root: string): void {
  const count = waiting.get(root) ?? 0
  waiting.set(root, count + 1)
  if (count === 0) for (const changed of watchers) changed(root, true)
}

/** A task that a branch has submitted is over. */
export function nestedEnded(root: string): void {
  const count = waiting.get(root) ?? 0
  if (count > 1) return void waiting.set(root, count - 1)
  if (waiting.delete(root)) for (const changed of watchers) changed(root, false)
}

/** Calls back when a branch begins to wait, and when it goes on. @returns a function that ends it */
export function watchNested(changed: (root: string, waits: boolean) => void): () => void {
  watchers.add(changed)
  return () => void watchers.delete(changed)
}
