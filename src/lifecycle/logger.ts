/** Where warnings and `context.log` go. `console` is one. */
export interface Logger {
  /** What came too late to matter: the outcome of a step that was given up. */
  debug(text: string, data?: unknown): void
  /** What `context.log` says. */
  info(text: string, data?: unknown): void
  /** What is doubtful, and what was left behind. */
  warn(text: string, data?: unknown): void
  /** What threw where nobody can catch it: a listener, an interceptor, an inspector. */
  error(text: string, data?: unknown): void
}

/** Says nothing but warnings and errors. */
export const consoleLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: (text, data) => (data === undefined ? console.warn(text) : console.warn(text, data)),
  error: (text, data) => (data === undefined ? console.error(text) : console.error(text, data)),
}
