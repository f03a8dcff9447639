import { stdin } from 'node:process'

/** Calls back for each key that is pressed, until the function that it answers is called. */
export type Keys = (pressed: (key: string) => void) => () => void

/** The keys of a terminal; none where there is none. Ctrl-C ends the program. */
export const terminalKeys: Keys = (pressed) => {
  if (!stdin.isTTY) return () => {}
  const listener = (data: Buffer): void => {
    const key = data.toString()
    if (key === '\u0003') process.exit(130)
    pressed(key)
  }
  stdin.setRawMode(true).on('data', listener).resume()
  return () => void stdin.setRawMode(false).off('data', listener).pause()
}
