import { ContractError } from '../errors.js'
import { describeValue, isThenable } from '../internal/guards.js'
import { checkOptions } from '../internal/options.js'

/**
 * How often failed work is tried, and how long it waits in between. Waits grow, and are left to chance in part. A
 * cancel ends a wait at once.
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export interface RetryOptions {
  /** How often it is tried in all, the first time counted: `1` never tries again. A whole number above 0, or `Infinity`. */
  readonly attempts: number
  /**
   * The wait before the second attempt, in milliseconds. Default 100. Or a function, asked before each further attempt:
   * what it answers is waited as it is (a `Retry-After`), without `factor`, `maxDelayMs` and `jitter`; `undefined` stands
   * for the default. One that throws is a fault, and nothing is tried again.
   */
  readonly delayMs?: number | ((args: { readonly error: unknown; readonly attempt: number }) => number | undefined)
  /** What each further wait is multiplied by, 1 or more. Default 2. */
  readonly factor?: number
  /** No wait is longer than this, in milliseconds. Default 30 000. */
  readonly maxDelayMs?: number
  /** The part of a wait that is left to chance, 0 to 1. Default 0.5: a wait lasts between half of its time and all of it. */
  readonly jitter?: number
  /**
   * The time of all attempts and waits together, in milliseconds, from the start of the first one. An attempt that runs
   * when it is over has failed with a {@link TimeoutError}; none begins that could not before. Counted anew after a
   * resume of an action, on from its first start of a branch. Default: no limit.
   */
  readonly maxMs?: number
  /**
   * Whether a failure is worth another attempt. Default: every one. Asked with what the action threw, or its
   * {@link TimeoutError}, and which attempt that was (the first is 1). It answers true or false, at once: anything else
   * fails with a {@link ContractError}. One that throws is a fault, and nothing is tried again.
   */
  readonly when?: (args: { readonly error: unknown; readonly attempt: number }) => boolean
}

/**
 * How often something is tried in all, or that with the waits in between.
 *
 * Cancels are not tried again, nor what no further attempt can mend: a broken contract, a missing or unfit input.
 */
export type Retry = number | RetryOptions

/** A retry with its defaults filled in. */
export type RetryPolicy = Required<Omit<RetryOptions, 'when'>> & Pick<RetryOptions, 'when'>

const DELAY_MS = 100

/** A fallback, its types forgotten. */
export type Fallback = (args: object) => unknown

/** What becomes of a failure. */
export interface FailurePolicy {
  readonly retry: RetryPolicy | undefined
  readonly timeoutMs: number | undefined
  readonly fallback: Fallback | undefined
  /** How long its code may take after its signal fired. */
  readonly graceMs: number | undefined
}

/** Nothing is said of failures. */
export const NO_POLICY: FailurePolicy = Object.freeze({
  retry: undefined,
  timeoutMs: undefined,
  fallback: undefined,
  graceMs: undefined,
})

/** The names of the options that say what becomes of a failure. */
export const FAILURE_OPTIONS = 'retry timeoutMs fallback graceMs'

/** What is said of failures, its types forgotten. */
export interface LoosePolicy {
  readonly retry?: unknown
  readonly timeoutMs?: unknown
  readonly fallback?: unknown
  readonly graceMs?: unknown
}

/**
 * Reads what is said of failures; {@link NO_POLICY} when nothing is.
 * @throws {TypeError | RangeError} for values that cannot be, saying what each takes
 */
export function parsePolicy({ retry, timeoutMs, fallback, graceMs }: LoosePolicy): FailurePolicy {
  if (retry === undefined && timeoutMs === undefined && fallback === undefined && graceMs === undefined)
    return NO_POLICY
  if (timeoutMs !== undefined && !(typeof timeoutMs === 'number' && timeoutMs > 0 && timeoutMs < Infinity)) {
    throw new RangeError(`timeoutMs is ${describeValue(timeoutMs)}; it takes a number of milliseconds above 0.`)
  }
  if (fallback !== undefined && typeof fallback !== 'function') {
    throw new TypeError(`fallback is ${describeValue(fallback)}; it takes a function: ({ error }) => update.`)
  }
  const grace = parseGrace(graceMs)
  return Object.freeze({
    retry: parseRetry(retry),
    timeoutMs,
    fallback: fallback as Fallback | undefined,
    graceMs: grace,
  })
}

/** @throws {RangeError} for what is no time */
export function parseGrace(graceMs: unknown): number | undefined {
  if (graceMs === undefined || (typeof graceMs === 'number' && graceMs >= 0)) return graceMs
  throw new RangeError(`graceMs is ${describeValue(graceMs)}; it takes milliseconds, 0 or more.`)
}

function parseRetry(given: unknown): RetryPolicy | undefined {
  if (given === undefined) return undefined
  if (typeof given !== 'number') checkOptions('retry', given, 'attempts delayMs factor maxDelayMs jitter maxMs when')
  const options = (typeof given === 'number' ? { attempts: given } : given) as RetryOptions
  const {
    attempts,
    delayMs = DELAY_MS,
    factor = 2,
    maxDelayMs = 30_000,
    jitter = 0.5,
    maxMs = Infinity,
    when,
  } = options
  assertThat(
    'attempts',
    attempts,
    (Number.isInteger(attempts) || attempts === Infinity) && attempts > 0,
    'a whole number above 0, the first attempt counted, or Infinity',
  )
  if (typeof delayMs !== 'function') assertThat('delayMs', delayMs, isDelay(delayMs), 'milliseconds, 0 or more')
  assertThat('factor', factor, factor >= 1 && factor < Infinity, 'a number of 1 or more')
  assertThat('maxDelayMs', maxDelayMs, maxDelayMs >= 0 && maxDelayMs < Infinity, 'milliseconds, 0 or more')
  assertThat('maxMs', maxMs, maxMs > 0, 'milliseconds, more than 0')
  assertThat('jitter', jitter, jitter >= 0 && jitter <= 1, 'a number from 0 to 1')
  if (when !== undefined && typeof when !== 'function') {
    throw new TypeError(`retry.when is ${describeValue(when)}; it takes a function: ({ error, attempt }) => boolean.`)
  }
  return Object.freeze({ attempts, delayMs, factor, maxDelayMs, jitter, maxMs, ...(when && { when }) })
}

function assertThat(name: string, value: unknown, fits: boolean, takes: string): void {
  if (typeof value !== 'number' || !fits)
    throw new RangeError(`retry.${name} is ${describeValue(value)}; it takes ${takes}.`)
}

/** What is said, where it is, over what holds by default. */
export function overPolicy(own: FailurePolicy, base: FailurePolicy): FailurePolicy {
  return {
    retry: own.retry ?? base.retry,
    timeoutMs: own.timeoutMs ?? base.timeoutMs,
    fallback: own.fallback ?? base.fallback,
    graceMs: own.graceMs ?? base.graceMs,
  }
}

const isDelay = (ms: unknown): ms is number => typeof ms === 'number' && ms >= 0 && ms < Infinity

/** What a function of `retry` answered that it cannot. */
function refused(subject: string, what: string, answer: unknown, takes: string, cause: unknown): ContractError {
  if (isThenable(answer)) answer.then(undefined, () => {}) // looked at by nobody else
  const message = `was not tried again: ${what} answered ${describeValue(answer)}. ${takes}`
  return new ContractError(subject, { kind: 'retry', message }, undefined, { cause })
}

/**
 * Whether a failure is worth another attempt.
 * @param subject what failed, as messages name it
 * @throws {ContractError} when `when` answers anything but true or false; what it throws itself
 */
export function isWorthIt({ when }: RetryPolicy, subject: string, error: unknown, attempt: number): boolean {
  const answer: unknown = when === undefined || when({ error, attempt })
  if (typeof answer === 'boolean') return answer
  throw refused(subject, 'retry.when', answer, 'It answers true or false, at once.', error)
}

/**
 * How long to wait, in whole milliseconds.
 * @param failed how many attempts have failed
 * @param random answers a number from 0 to 1
 * @throws {ContractError} when a `delayMs` function answers no time; what it throws itself
 */
export function delayAfter(
  { delayMs, factor, maxDelayMs, jitter }: RetryPolicy,
  subject: string,
  error: unknown,
  failed: number,
  random: () => number,
): number {
  const own: unknown = typeof delayMs === 'function' ? delayMs({ error, attempt: failed }) : undefined
  if (own !== undefined) {
    if (isDelay(own)) return Math.ceil(own)
    throw refused(subject, 'retry.delayMs', own, 'It answers milliseconds, 0 or more, at once.', error)
  }
  const first = typeof delayMs === 'function' ? DELAY_MS : delayMs
  const whole = first === 0 ? 0 : Math.min(maxDelayMs, first * factor ** (failed - 1))
  return Math.round(jitter === 0 ? whole : whole * (1 - jitter * random()))
}
