import { glance, messageOf, observe } from '../internal/guards.js'

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

/** A logger that only looks on: what it throws, or rejects with, is told on the console, once, and reaches nobody. */
export function harmlessLogger(logger: Logger): Logger {
  let told = false
  const lost = (error: unknown): void => {
    const text = `The logger threw, and what it was given is lost. Give one that does not throw. It threw: ${messageOf(error)}`
    if (!told) glance(() => console.error(text))
    told = true
  }
  const level =
    (name: keyof Logger) =>
    (...line: [string, unknown?]): void =>
      observe(() => logger[name](...line), undefined, lost)
  return { debug: level('debug'), info: level('info'), warn: level('warn'), error: level('error') }
}
