/** Facts by name, such as `{ model: 'small', tokens: 512 }`. Values are plain data. */
export type Attributes = Readonly<Record<string, unknown>>

/** How far an action is: a fraction from 0 to 1, or a count. `total` is left out while it is unknown. */
export type ProgressReport = number | { readonly done: number; readonly total?: number }

/** The levels of log lines. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/**
 * Writes log lines: to the logger of the application (the default logger prints warnings and errors), and as `log`
 * events. Called as a function, it writes at the level `info`.
 */
export interface ActionLog {
  (text: string, data?: unknown): void
  /** Reports details for those who look for a fault. */
  debug(text: string, data?: unknown): void
  /** The same as calling it. */
  info(text: string, data?: unknown): void
  /** Reports a danger that the action has dealt with. */
  warn(text: string, data?: unknown): void
  /** Reports a failure; the step goes on. */
  error(text: string, data?: unknown): void
}

/** Reports of an action, or of one span of it. */
export interface Reporting {
  /**
   * Times a section of an action: calls `fn`, and emits `span.start` and `span.end`. Returns what `fn` returns, or
   * throws what it throws. The span of an async `fn` ends when its promise settles; at the latest it ends with the
   * attempt, so also when code ignores a cancel and is abandoned. After the attempt, `fn` is called without a span.
   *
   * `fn` gets the span: `span.span` nests a further one, `span.log` and `span.attributes` belong to it.
   * @param name name of the section, such as `embed`
   * @param attributes facts that are known at its start
   * @throws {TypeError} for a name that is no text, or attributes that are no record
   * @example
   * ```ts
   * const kit = defineState<{ text: string; words: number }>()
   * const count = kit.action({
   *   reads: ['text'],
   *   writes: ['words'],
   *   run: ({ state, context }) =>
   *     context.span('split', (span) => {
   *       const words = state.text.split(' ')
   *       span.attributes({ words: words.length })
   *       return { words: words.length }
   *     }),
   * })
   * ```
   */
  span<T>(name: string, fn: (span: ActionSpan) => T, attributes?: Attributes): T
  /**
   * Adds facts to the step, or to the span that it is called on; a later value of a name replaces an earlier one. They
   * are in its `step.end` or `span.end`.
   * @throws {TypeError} for what is no record
   */
  attributes(attributes: Attributes): void
  /** Writes log lines; those of a span carry its id. */
  readonly log: ActionLog
}

/** One timed section of an action. */
export interface ActionSpan extends Reporting {
  /** Unique in its application and incarnation: `<sequenceId>.<attempt>.<n>`. */
  readonly id: string
}
