import type { Attributes, LogLevel } from '../action/report.js'
import type { ActionFacts } from './event-facts.js'

/** An action called `context.log`. */
export interface LogEvent<At extends string = string> extends ActionFacts<At> {
  readonly type: 'log'
  readonly level: LogLevel
  readonly text: string
  readonly data: unknown
  /** The id of the span that it belongs to, where it belongs to one. */
  readonly span?: string
}

/** An action reported its progress. Reports that follow fast are joined: the latest one counts. */
export interface ProgressEvent<At extends string = string> extends ActionFacts<At> {
  readonly type: 'progress'
  /** 0 to 1. */
  readonly fraction?: number
  readonly done?: number
  readonly total?: number
  readonly message?: string
}

/** A section of an action starts: `context.span`. */
export interface SpanStart<At extends string = string> extends ActionFacts<At> {
  readonly type: 'span.start'
  /** Unique in its application and incarnation: `<sequenceId>.<attempt>.<n>`. */
  readonly span: string
  /** The id of the span around it; absent directly below the step. */
  readonly parent?: string
  readonly name: string
  /** Facts that are known at its start. */
  readonly attributes: Attributes
}

/** A section of an action has ended. Each `span.start` has its `span.end`, before the `step.end` of its attempt. */
export interface SpanEnd<At extends string = string> extends ActionFacts<At> {
  readonly type: 'span.end'
  readonly span: string
  /**
   * `failed`: its function threw. `cancelled`: it threw, or still ran, after a cancel of its attempt. `cut`: its function
   * still ran when its attempt ended.
   */
  readonly status: 'done' | 'failed' | 'cancelled' | 'cut'
  /** The thrown value. */
  readonly error?: unknown
  /** All facts of the span. */
  readonly attributes: Attributes
  /** Milliseconds. */
  readonly durationMs: number
}
