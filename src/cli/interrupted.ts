import { EXIT } from './command-error.js'
import type { Io } from './io.js'

/** Resolves at the first Ctrl+C; the second one ends the process. */
export const interrupted = (io: Pick<Io, 'onInterrupt'>): Promise<void> =>
  new Promise((resolve) => {
    let times = 0
    io.onInterrupt(() => {
      times += 1
      if (times > 1) process.exit(EXIT.cancelled)
      resolve()
    })
  })
