import type { LiveRun } from '../tree.js'

/**
 * WaitState for the reader that paces a run. Released by the reader, or by a cancel of the run: whoever
 * is cancelled must not depend on somebody who may have stopped reading.
 */
export function untilRoom(run: LiveRun, room: Promise<void>): Promise<undefined> {
  return new Promise((resolve) => {
    const go = (): void => {
      if (run.release === go) run.release = undefined
      resolve(undefined)
    }
    run.release = go
    void room.then(go)
    if (run.cancellation !== undefined) go()
  })
}
