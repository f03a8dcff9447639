import { printedPath, type WirePath } from './wire-path.js'

// Owns: the printed address of a run, of a step, of a branch, as commands take it: `order-7`, `order-7@3`,
// `order-7/fan/berlin@0`.
// A1  What is printed can be read back: signs of an address are escaped in an id as in URLs.

/** The address of an application of a run. A1 */
export function printedAddress(runId: string, path: WirePath = [], step?: number): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they have no place in a terminal
  const id = runId.replace(/[%/@\s\u0000-\u001f\u007f]/g, (char) => encodeURIComponent(char))
  const below = path.length === 0 ? '' : `/${printedPath(path)}`
  return `${id}${below}${step === undefined ? '' : `@${step}`}`
}

/** A text as one word of a shell. */
export const shellWord = (text: string): string =>
  /^[\w.:/@%#~-]+$/.test(text) && !/^[#~]/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`

/** The address in a command that can be pasted into a shell. */
export const addressInShell = (runId: string, path?: WirePath, step?: number): string =>
  shellWord(printedAddress(runId, path, step))
