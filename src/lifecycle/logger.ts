import { messageOf, observe, tryGet } from '../internal/guards.js'

/** Destination of warnings and `context.log`. `console` is a valid logger. */
export interface Logger {
  /** Late results without effect: the outcome of an abandoned step. */
  debug(text: string, data?: unknown): void
  /** Messages of `context.log`. */
  info(text: string, data?: unknown): void
  /** Warnings, and reports of abandoned code. */
  warn(text: string, data?: unknown): void
  /** Errors that no caller can catch: of a listener, an interceptor, an inspector. */
  error(text: string, data?: unknown): void
}

/** Prints only warnings and errors. */
export const consoleLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: (text, data) => (data === undefined ? console.warn(text) : console.warn(text, data)),
  error: (text, data) => (data === undefined ? console.error(text) : console.error(text, data)),
}

/** Wraps a logger so that its throws and rejections reach no caller; they are printed on the console, once. */
export function safeLogger(logger: Logger): Logger {
  let reported = false
  const lost = (error: unknown): void => {
    const text = `The logger threw, and its message is lost. Use a logger that does not throw. Error: ${messageOf(error)}`
    if (!reported) tryGet(() => console.error(text))
    reported = true
  }
  const level =
    (name: keyof Logger) =>
    (...line: [string, unknown?]): void =>
      observe(() => logger[name](...line), undefined, lost)
  return { debug: level('debug'), info: level('info'), warn: level('warn'), error: level('error') }
}
