// Owns: what a browser remembers of the page: its theme, the widths of panes, whether keys are on.

const remembered = (name: string): string | undefined => {
  try {
    return localStorage.getItem(name) ?? undefined
  } catch {
    return undefined // not allowed here
  }
}
const remember = (name: string, value: string): void => {
  try {
    localStorage.setItem(name, value)
  } catch {
    // not allowed here
  }
}
export const memory = { get: remembered, set: remember }
