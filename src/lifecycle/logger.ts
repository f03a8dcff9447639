import type { Path } from '../action/context.js'
import type { LogLevel } from '../action/report.js'
import { messageOf, observe, tryGet } from '../internal/guards.js'

/** A line of `context.log`, with its place. */
export interface LogLine {
  readonly level: LogLevel
  readonly text: string
  readonly data: unknown
  /** The application whose action wrote it. */
  readonly appId: string
  /** Its path below the root; empty for the root. */
  readonly path: Path
  /** The action by its name in its graph. */
  readonly action: string
  readonly sequenceId: number
  readonly attempt: number
  /** The id of its span, where it belongs to one. */
  readonly span?: string
}

/**
 * Destination of warnings and `context.log`. `console` is a valid logger. For pino, and other loggers that take fields
 * before the text, see {@link structuredLogger}.
 */
export interface Logger {
  /** Late results without effect: the outcome of an abandoned step. */
  debug(text: string, data?: unknown): void
  /** Messages of `context.log`. */
  info(text: string, data?: unknown): void
  /** Warnings, and reports of abandoned code. */
  warn(text: string, data?: unknown): void
  /** Errors that no caller can catch: of a listener, an interceptor, an inspector. */
  error(text: string, data?: unknown): void
  /** Takes lines of `context.log` with their place, in place of the methods above. */
  record?(line: LogLine): void
}

/** A logger that never throws. */
export type SafeLogger = Required<Logger>

/** Prints only warnings and errors. */
export const consoleLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: (text, data) => (data === undefined ? console.warn(text) : console.warn(text, data)),
  error: (text, data) => (data === undefined ? console.error(text) : console.error(text, data)),
}

/** Wraps a logger so that its throws and rejections reach no caller; they are printed on the console, once. */
export function safeLogger(logger: Logger): SafeLogger {
  let reported = false
  const lost = (error: unknown): void => {
    const text = `The logger threw, and its message is lost. Use a logger that does not throw. Error: ${messageOf(error)}`
    if (!reported) tryGet(() => console.error(text))
    reported = true
  }
  const level =
    (name: LogLevel) =>
    (...line: [string, unknown?]): void =>
      observe(() => logger[name](...line), undefined, lost)
  const record = (line: LogLine): void => {
    const { text, data } = line
    if (logger.record !== undefined) return observe(() => logger.record?.(line), undefined, lost)
    if (data === undefined) levels[line.level](text)
    else levels[line.level](text, data)
  }
  const levels = { debug: level('debug'), info: level('info'), warn: level('warn'), error: level('error') }
  return { ...levels, record }
}
