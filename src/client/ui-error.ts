import { isInstance, isObject } from '../internal/guards.js'

/**
 * Why a request of a page, a client or a command was not answered.
 *
 * `bad-query`: it is invalid. `unknown-token`, `forbidden`, `read-only`: it is not allowed. `no-project`, `no-run`,
 * `no-path`, `no-step`, `no-map`, `no-question`, `no-graph`, `no-events`, `no-page`: there is no such thing. `method`: the
 * address takes another one. `not-live`: no process that the server reaches can do it. `held`: another process has the run.
 * `answered`: the question is closed. `settled`: the run or the branch has ended. `too-large`, `content-type`: the body is not
 * taken. `unfit`: a value does not fit its schema. `damaged`: what is stored of the run cannot be read. `internal`: a fault of the server. `unavailable`: the store, or the
 * server, does not answer.
 */
export type UiErrorCode =
  | 'bad-query'
  | 'unknown-token'
  | 'forbidden'
  | 'read-only'
  | 'no-project'
  | 'no-run'
  | 'no-path'
  | 'no-step'
  | 'no-map'
  | 'no-question'
  | 'no-graph'
  | 'no-events'
  | 'no-page'
  | 'method'
  | 'not-live'
  | 'held'
  | 'answered'
  | 'settled'
  | 'too-large'
  | 'content-type'
  | 'unfit'
  | 'damaged'
  | 'internal'
  | 'unavailable'

/** The HTTP status of each code. */
const STATUS: Readonly<Record<UiErrorCode, number>> = {
  'bad-query': 400,
  'unknown-token': 401,
  forbidden: 403,
  'read-only': 403,
  'no-project': 404,
  'no-run': 404,
  'no-path': 404,
  'no-step': 404,
  'no-map': 404,
  'no-question': 404,
  'no-graph': 404,
  'no-events': 404,
  'no-page': 404,
  method: 405,
  'not-live': 409,
  held: 409,
  answered: 409,
  settled: 409,
  'too-large': 413,
  'content-type': 415,
  unfit: 422,
  damaged: 422, // asked again, it is no other
  internal: 500,
  unavailable: 503,
}

/** What an error tells besides its message. */
export interface UiErrorFacts {
  /** What to do, or to run, instead. */
  readonly hint?: string | undefined
  /** Every fault of a query or of a value. */
  readonly issues?: readonly string[] | undefined
}

/** An error as an answer carries it: `{ "error": … }`. */
export interface UiErrorBody extends UiErrorFacts {
  readonly code: UiErrorCode
  readonly message: string
}

/** A request of a page, a client or a command that was not answered. */
export class UiError extends Error {
  override readonly name = 'UiError'
  readonly code: UiErrorCode
  /** The HTTP status of the answer: 400 to 503. */
  readonly status: number
  /** What to do, or to run, instead. */
  readonly hint: string | undefined
  /** Every fault of a query or of a value. */
  readonly issues: readonly string[]

  constructor(code: UiErrorCode, message: string, { hint, issues = [] }: UiErrorFacts = {}, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.status = STATUS[code]
    this.hint = hint
    this.issues = issues
  }

  /** True for an error of this class, also one of another copy of the package. */
  static is(value: unknown): value is UiError {
    return isInstance(value, UiError) || (isInstance(value, Error) && value.name === 'UiError' && 'status' in value)
  }

  /** Its body in an answer. */
  toJSON(): UiErrorBody {
    const { code, message, hint, issues } = this
    return { code, message, ...(hint !== undefined && { hint }), ...(issues.length > 0 && { issues }) }
  }
}

/** The error of an answer; undefined for a body that holds none. */
export function readUiError(body: unknown): UiError | undefined {
  const found: unknown = isObject(body) && 'error' in body ? body.error : undefined
  if (!isObject(found)) return undefined
  const { code, message, hint, issues } = found as Partial<Record<string, unknown>>
  if (typeof code !== 'string' || !Object.hasOwn(STATUS, code)) return undefined
  return new UiError(code as UiErrorCode, typeof message === 'string' ? message : code, {
    hint: typeof hint === 'string' ? hint : undefined,
    issues: Array.isArray(issues) ? issues.filter((one): one is string => typeof one === 'string') : undefined,
  })
}
