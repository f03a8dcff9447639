/** Where warnings and `context.log` go. `console` is one. */
export interface Logger {
  debug(text: string, data?: unknown): void
  info(text: string, data?: unknown): void
  warn(text: string, data?: unknown): void
  error(text: string, data?: unknown): void
}

/** Says nothing but warnings and errors. */
export const consoleLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: (text, data) => (data === undefined ? console.warn(text) : console.warn(text, data)),
  error: (text, data) => (data === undefined ? console.error(text) : console.error(text, data)),
}
