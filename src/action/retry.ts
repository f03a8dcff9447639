import { ContractError } from '../errors.js'
import { describeValue, isThenable } from '../internal/guards.js'
import { checkOptions } from '../internal/options.js'

/**
 * Limits and delays of retries. Delays grow exponentially, with jitter. A cancel ends a delay at once.
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export interface RetryOptions {
  /** Maximum number of attempts, the first included: `1` never retries. A whole number above 0, or `Infinity`. */
  readonly attempts: number
  /**
   * Delay before the second attempt, in milliseconds. Default 100. A function is called before each further attempt and
   * returns the exact delay (a `Retry-After`), without `factor`, `maxDelayMs` and `jitter`; `undefined` selects the
   * default. If it throws, there is no further attempt.
   */
  readonly delayMs?: number | ((args: { readonly error: unknown; readonly attempt: number }) => number | undefined)
  /** Multiplier of each further delay, 1 or more. Default 2. */
  readonly factor?: number
  /** Longest delay, in milliseconds. Default 30 000. */
  readonly maxDelayMs?: number
  /** Random part of a delay, 0 to 1. Default 0.5: the delay is between half of its value and all of it. */
  readonly jitter?: number
  /**
   * Time limit of all attempts and delays together, in milliseconds, from the start of the first attempt. An attempt
   * that is running when it expires fails with a {@link TimeoutError}; no attempt starts that could not start before.
   * After a resume it restarts for an action; for a branch it continues from the first start of the branch. Default: no
   * limit.
   */
  readonly maxMs?: number
  /**
   * Decides whether a failure is retried. Default: always. Gets the error that the action threw, or its
   * {@link TimeoutError}, and the number of the failed attempt (the first is 1). Must return a boolean synchronously:
   * anything else fails with a {@link ContractError}. If it throws, there is no further attempt.
   */
  readonly when?: (args: { readonly error: unknown; readonly attempt: number }) => boolean
}

/**
 * Maximum number of attempts, or the full {@link RetryOptions}.
 *
 * Never retried: cancels, and errors that another attempt cannot fix, such as a violated contract or a bad input.
 */
export type Retry = number | RetryOptions

/** Retry options with defaults filled in. */
export type RetryPolicy = Required<Omit<RetryOptions, 'when'>> & Pick<RetryOptions, 'when'>

const DELAY_MS = 100

/** A fallback without its types. */
export type Fallback = (args: object) => unknown

/** How failures of an action or a branch are handled. */
export interface FailurePolicy {
  readonly retry: RetryPolicy | undefined
  readonly timeoutMs: number | undefined
  readonly fallback: Fallback | undefined
  /** Time that the code may take to end after its signal aborted, in milliseconds. */
  readonly graceMs: number | undefined
}

/** No retries, time limit, fallback or grace period of its own. */
export const NO_POLICY: FailurePolicy = Object.freeze({
  retry: undefined,
  timeoutMs: undefined,
  fallback: undefined,
  graceMs: undefined,
})

/** Names of the options of a failure policy, separated by spaces. */
export const FAILURE_OPTIONS = 'retry timeoutMs fallback graceMs'

/** Unvalidated options of a failure policy. */
export interface LoosePolicy {
  readonly retry?: unknown
  readonly timeoutMs?: unknown
  readonly fallback?: unknown
  readonly graceMs?: unknown
}

/**
 * Parses the options of a failure policy; returns {@link NO_POLICY} when none is set.
 * @throws {TypeError | RangeError} for invalid values, naming the accepted ones
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

/** @throws {RangeError} for a value that is not a duration */
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

/** The policy of an entry; {@link NO_POLICY} for most. */
export function policyOf({ retry, timeoutMs, fallback, graceMs }: FailurePolicy): FailurePolicy {
  const none = retry === undefined && timeoutMs === undefined && fallback === undefined && graceMs === undefined
  return none ? NO_POLICY : { retry, timeoutMs, fallback, graceMs }
}

/** Merges two policies; each option of `own` takes precedence over `base`. */
export function overPolicy(own: FailurePolicy, base: FailurePolicy): FailurePolicy {
  if (own === NO_POLICY) return base
  return {
    retry: own.retry ?? base.retry,
    timeoutMs: own.timeoutMs ?? base.timeoutMs,
    fallback: own.fallback ?? base.fallback,
    graceMs: own.graceMs ?? base.graceMs,
  }
}

const isDelay = (ms: unknown): ms is number => typeof ms === 'number' && ms >= 0 && ms < Infinity

/** The error for an invalid return value of a function in `retry`. */
function refused(subject: string, fn: string, answer: unknown, takes: string, cause: unknown): ContractError {
  if (isThenable(answer)) answer.then(undefined, () => {}) // nothing else handles its rejection
  const message = `was not tried again: ${fn} returned ${describeValue(answer)}. ${takes}`
  return new ContractError(subject, { kind: 'retry', message }, message, { cause })
}

/**
 * True when a failure is retried.
 * @param subject subject of the message: `Action "ask"`
 * @throws {ContractError} when `when` does not return a boolean; or the error that `when` throws
 */
export function isWorthIt({ when }: RetryPolicy, subject: string, error: unknown, attempt: number): boolean {
  const answer: unknown = when === undefined || when({ error, attempt })
  if (typeof answer === 'boolean') return answer
  throw refused(subject, 'retry.when', answer, 'It must return true or false, synchronously.', error)
}

/**
 * Computes the delay before the next attempt, in whole milliseconds.
 * @param failed number of failed attempts
 * @param random source of numbers from 0 to 1
 * @throws {ContractError} when `delayMs` returns an invalid duration; or the error that `delayMs` throws
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
    throw refused(subject, 'retry.delayMs', own, 'It must return milliseconds, 0 or more, synchronously.', error)
  }
  const first = typeof delayMs === 'function' ? DELAY_MS : delayMs
  const whole = first === 0 ? 0 : Math.min(maxDelayMs, first * factor ** (failed - 1))
  return Math.round(jitter === 0 ? whole : whole * (1 - jitter * random()))
}
