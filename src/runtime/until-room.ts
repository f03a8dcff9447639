import type { LiveApp } from './tree.js'

/**
 * Waits for the reader that paces an application. Released by the reader, or by a cancel of the application: whoever
 * is cancelled must not depend on somebody who may have stopped reading.
 */
export function untilRoom(app: LiveApp, room: Promise<void>): Promise<undefined> {
  return new Promise((resolve) => {
    const go = (): void => {
      if (app.release === go) app.release = undefined
      resolve(undefined)
    }
    app.release = go
    void room.then(go)
    if (app.cancellation !== undefined) go()
  })
}
