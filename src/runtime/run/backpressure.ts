/** A run that waits for its reader. */
interface PacedRun {
  readonly cancellation: object | undefined
  release: (() => void) | undefined
}

/** Waits for the reader of a run, or for its cancel: a cancelled run does not depend on a reader that may have left. */
export function untilRead(run: PacedRun, ready: Promise<void>): Promise<undefined> {
  return new Promise((resolve) => {
    const go = (): void => {
      if (run.release === go) run.release = undefined
      resolve(undefined)
    }
    run.release = go
    void ready.then(go)
    if (run.cancellation !== undefined) go()
  })
}
