/**
 * Continues after an await, unless the run was abandoned meanwhile: it has ended then, and nothing follows from it.
 * @returns the value of `go`; undefined where the run has ended
 */
export function ifStill<T, R>(
  run: { readonly running: boolean },
  wait: Promise<T>,
  go: (value: T) => R | Promise<R>,
): Promise<R | undefined> {
  return wait.then((value) => (run.running ? go(value) : undefined))
}
