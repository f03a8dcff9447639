import { type ErrorJson, errorJson, rootCauseOf } from './internal/error-json.js'
import { isInstance, messageOf } from './internal/guards.js'
import { list, suggest } from './internal/nearest.js'

/** The `code` of an error that Teasel makes. */
export type ErrorCode =
  | 'graph'
  | 'action'
  | 'contract'
  | 'input'
  | 'cancelled'
  | 'parallel'
  | 'timeout'
  | 'max-steps'
  | 'no-sender'
  | 'busy'
  | 'snapshot'
  | 'persistence'
  | 'serialization'
  | 'worker-lost'
  | 'log'

/**
 * The position of an event in a run. `path` is the printed path of the application: `compare/gpt4`; empty for the root.
 */
export interface Where {
  readonly action: string
  readonly sequenceId: number
  readonly path: string
}

/**
 * Formats a position for a message, to follow the subject: ` (step 2, branch compare/gpt4)`.
 * @param attempts maximum number of attempts; printed when above 1
 */
export function place(at: Where | undefined, attempt = 1, attempts = 1): string {
  if (at === undefined) return ''
  const tries = attempts > 1 ? `, attempt ${attempt} of ${attempts}` : ''
  return ` (step ${at.sequenceId}${tries}${at.path === '' ? '' : `, branch ${at.path}`})`
}

const BRAND: unique symbol = Symbol.for('teasel.error')

/** Base class of every error that Teasel makes. Catch by class, by {@link TeaselError.is}, or by the literal `code`. */
export abstract class TeaselError extends Error {
  abstract readonly code: ErrorCode

  /** True for an error of this class, also one made by another copy of the package. */
  static is<E extends TeaselError>(
    this: { readonly prototype: E; readonly code?: ErrorCode },
    value: unknown,
  ): value is E {
    if (isInstance(value, this as unknown as abstract new () => E)) return true
    return (
      this.code !== undefined &&
      isInstance(value, Error) &&
      BRAND in value &&
      'code' in value &&
      value.code === this.code
    )
  }

  /** The innermost cause, which may be any thrown value; the error itself when it has no cause. */
  get rootCause(): unknown {
    return rootCauseOf(this)
  }

  /** Converts the error to plain JSON for logs: name, code, message, fields and causes, without the stack. */
  toJSON(): ErrorJson {
    return errorJson(this)
  }

  /** @hidden */
  get [BRAND](): true {
    return true
  }
}

/** One fault of a graph. `at` is its position: `transitions.ask[1]`. */
export interface GraphIssue {
  readonly kind:
    | 'unknown-name'
    | 'bad-name'
    | 'bad-transition'
    | 'duplicate'
    | 'shadowed'
    | 'unreachable-halt'
    | 'unwritten-read'
    | 'missing-state'
    | 'unreachable-action'
  readonly at: string
  readonly message: string
}

/** An invalid graph, entrypoint, halt or initial state. Carries every fault, not only the first. */
export class GraphError extends TeaselError {
  static override readonly name: string = 'GraphError'
  static readonly code = 'graph'
  readonly code = 'graph'
  override readonly name = 'GraphError'
  readonly issues: readonly GraphIssue[]

  constructor(issues: readonly GraphIssue[]) {
    const lines = issues.map((issue) => `  ${issue.at}: ${issue.message}`)
    super(
      `${issues.length === 1 ? 'The graph has a fault' : `The graph has ${issues.length} faults`}:\n${lines.join('\n')}`,
    )
    this.issues = issues
  }
}

/** An action failed. `cause` is the error it threw, or the {@link TimeoutError} of its last attempt. */
export class ActionError extends TeaselError {
  static override readonly name: string = 'ActionError'
  static readonly code = 'action'
  readonly code = 'action'
  override readonly name = 'ActionError'
  readonly action: string
  readonly sequenceId: number
  /** The printed path of the branch: `compare/gpt4`; empty in the root. */
  readonly path: string
  /** The number of the failed attempt; the first is 1. */
  readonly attempt: number

  /**
   * @param subject subject of the message: `Action "ask"`
   * @param prefix text that precedes the message of the cause
   */
  constructor(
    subject: string,
    at: Where & { readonly attempt: number; readonly attempts?: number },
    cause: unknown,
    prefix = '',
  ) {
    super(`${subject} failed${place(at, at.attempt, at.attempts)}: ${prefix}${messageOf(cause)}`, { cause })
    this.action = at.action
    this.sequenceId = at.sequenceId
    this.path = at.path
    this.attempt = at.attempt
  }
}

/** A violation of the contract between an action and its declared state. */
export type ContractFault =
  | { readonly kind: 'undeclared-read'; readonly key: string; readonly declared: readonly string[] }
  | { readonly kind: 'unset-read'; readonly keys: readonly string[]; readonly set: readonly string[] }
  | { readonly kind: 'undeclared-write'; readonly keys: readonly string[]; readonly declared: readonly string[] }
  | { readonly kind: 'missing-write'; readonly keys: readonly string[]; readonly declared: readonly string[] }
  | { readonly kind: 'not-an-update'; readonly got: string }
  | { readonly kind: 'not-a-state'; readonly got: string }
  | { readonly kind: 'unsupported-value'; readonly key: string; readonly got: string }
  | { readonly kind: 'schema'; readonly issues: readonly string[] }
  | { readonly kind: 'unknown-key'; readonly key: string; readonly hint: string }
  | { readonly kind: 'source' | 'condition' | 'retry'; readonly message: string }

/** An action, reducer, condition or source violated its declaration. The step is discarded. */
export class ContractError extends TeaselError {
  static override readonly name: string = 'ContractError'
  static readonly code = 'contract'
  readonly code = 'contract'
  override readonly name = 'ContractError'
  /** The violator: `Action "ask"`. */
  readonly subject: string
  /** The violation: narrow on `kind`. */
  readonly fault: ContractFault
  readonly at: Where | undefined
  readonly #detail: string

  /**
   * @param subject subject of the message: `Action "ask"`
   * @param detail rest of the message: the violation and how to mend it
   */
  constructor(
    subject: string,
    fault: ContractFault,
    detail = 'message' in fault ? fault.message : '',
    options?: ErrorOptions,
    at?: Where,
  ) {
    super(`${subject}${place(at)}${fault.kind === 'source' ? ':' : ''} ${detail}`.trimEnd(), options)
    this.subject = subject
    this.fault = fault
    this.at = at
    this.#detail = detail
  }

  /** Returns the same error with a position, unless it already has one. */
  locate(at: Where): ContractError {
    if (this.at !== undefined) return this
    return new ContractError(this.subject, this.fault, this.#detail, { cause: 'cause' in this ? this.cause : this }, at)
  }
}

/** An input is missing, unknown, or does not fit its schema. Carries every issue. */
export class InputError extends TeaselError {
  static override readonly name: string = 'InputError'
  static readonly code = 'input'
  readonly code = 'input'
  override readonly name: string = 'InputError'
  readonly issues: readonly string[]
  readonly at: Where | undefined

  constructor(subject: string, issues: readonly string[], at?: Where) {
    const asVerbs = /^(needs|does) /.test(issues[0] ?? '')
    super(`${subject}${place(at)}${asVerbs ? ` ${issues.join(' It ')}` : `: ${issues.join(' ')}`}`)
    this.issues = issues
    this.at = at
  }
}

/** A required input is missing. */
export class MissingInputError extends InputError {
  static override readonly name: string = 'MissingInputError'
  override readonly name = 'MissingInputError'
  readonly missing: readonly string[]

  constructor(subject: string, missing: readonly string[], given: readonly string[], at?: Where) {
    const undefineds = missing.filter((name) => given.includes(name))
    const others = given.filter((name) => !undefineds.includes(name))
    const near =
      undefineds.length > 0
        ? `${list(undefineds)} may be undefined with type({ optional: true }).`
        : missing.map((name) => suggest(name, others, 'given inputs')).find((text) => text.startsWith('Did'))
    super(
      subject,
      [
        `needs ${missing.length === 1 ? 'the input' : 'the inputs'} ${list(missing)}. Give ${missing.length === 1 ? 'it' : 'them'}: run({ inputs: { ${missing.join(', ')} } }), or bind.${near === undefined ? '' : ` ${near}`}`,
      ],
      at,
    )
    this.missing = missing
  }
}

/** The default reason of a cancelled action's signal, used when the caller gave none. */
export class CancelledError extends TeaselError {
  static override readonly name: string = 'CancelledError'
  static readonly code = 'cancelled'
  readonly code = 'cancelled'
  override readonly name = 'CancelledError'
  /** The {@link CancelCause}: `app`, `watch`, `sibling-failed`, `settled`, `parent` … */
  readonly cancelCause: string
  readonly by: string

  constructor(cancelCause: string, by: string) {
    super(`Cancelled by ${by} (${cancelCause}).`)
    this.cancelCause = cancelCause
    this.by = by
  }
}

/** The result of one branch in a {@link ParallelError}. */
export interface BranchSummary {
  readonly key: string
  readonly status: 'done' | 'failed' | 'cancelled'
  readonly error?: Error
}

/**
 * A map action could not settle under its policy. Carries every result; `cause` is the first failure. From a worker or a
 * store, a result has its key and its status, and the first 20 failures their errors.
 */
export class ParallelError<Result extends BranchSummary = BranchSummary> extends TeaselError {
  static override readonly name: string = 'ParallelError'
  static readonly code = 'parallel'
  readonly code = 'parallel'
  override readonly name = 'ParallelError'
  readonly action: string
  /** All results, in declaration order. */
  readonly results: readonly Result[]

  constructor(action: string, why: string, results: readonly Result[], first: Error | undefined) {
    super(`Map action "${action}" ${why}`, first === undefined ? undefined : { cause: first })
    this.action = action
    this.results = results
  }
}

/** An action or a branch exceeded its `timeoutMs`. For an action it is the `cause` of an {@link ActionError}. */
export class TimeoutError extends TeaselError {
  static override readonly name: string = 'TimeoutError'
  static readonly code = 'timeout'
  readonly code = 'timeout'
  override readonly name = 'TimeoutError'
  readonly timeoutMs: number

  constructor(subject: string, timeoutMs: number) {
    super(`${subject} took longer than ${timeoutMs} ms.`)
    this.timeoutMs = timeoutMs
  }
}

/** A run took `maxSteps` steps without reaching a halt. Its steps are kept, and another run continues from there. */
export class MaxStepsError extends TeaselError {
  static override readonly name: string = 'MaxStepsError'
  static readonly code = 'max-steps'
  readonly code = 'max-steps'
  override readonly name = 'MaxStepsError'
  readonly maxSteps: number

  constructor(maxSteps: number, next: string) {
    super(
      `The run took ${maxSteps} steps (maxSteps) and "${next}" would be next. Raise maxSteps, or look for an endless loop.`,
    )
    this.maxSteps = maxSteps
  }
}

/** A branch waits for a sibling's message, and no sibling can send one. The `cause` of its {@link ActionError}. */
export class NoSenderError extends TeaselError {
  static override readonly name: string = 'NoSenderError'
  static readonly code = 'no-sender'
  readonly code = 'no-sender'
  override readonly name = 'NoSenderError'
  readonly waiting: readonly string[]

  /** @param queued true when further branches are queued that cannot start while these wait */
  constructor(waiting: readonly string[], queued = false) {
    const rest = queued
      ? 'no other branch can start while they do. Raise concurrency, or let fewer branches wait.'
      : 'no other branch is left to send one.'
    super(
      `No message can come: ${waiting.length === 1 ? `the branch ${list(waiting)} waits` : `the branches ${list(waiting)} wait for each other`}, and ${rest}`,
    )
    this.waiting = waiting
  }
}

/** An application was run while already running, or after it was disposed. */
export class BusyError extends TeaselError {
  static override readonly name: string = 'BusyError'
  static readonly code = 'busy'
  readonly code = 'busy'
  override readonly name = 'BusyError'
}

/** A worker was lost while it ran a branch, and no further delivery is left. */
export class WorkerLostError extends TeaselError {
  static override readonly name: string = 'WorkerLostError'
  static readonly code = 'worker-lost'
  readonly code = 'worker-lost'
  override readonly name = 'WorkerLostError'
  /** The number of deliveries. */
  readonly deliveries: number
  /** The exit code of the last worker. */
  readonly exitCode: number | undefined
  /** The signal that ended the last worker, such as `SIGKILL`. */
  readonly signal: string | undefined
  /** The last lines that the last worker wrote. */
  readonly output: readonly string[]

  constructor(
    subject: string,
    {
      why,
      exitCode,
      signal,
      output = [],
    }: {
      readonly why: string
      readonly exitCode?: number | undefined
      readonly signal?: string | undefined
      readonly output?: readonly string[] | undefined
    },
    deliveries: number,
  ) {
    const times = deliveries === 1 ? 'Its worker was lost' : `Its worker was lost ${deliveries} times`
    const lines = output.length === 0 ? '' : `\nIts last output:\n${output.map((line) => `  ${line}`).join('\n')}`
    super(`${subject}: ${times}. ${why} What it did since its last committed step may have taken effect.${lines}`)
    this.deliveries = deliveries
    this.exitCode = exitCode
    this.signal = signal
    this.output = output
  }
}
