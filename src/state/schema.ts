import type { StandardSchemaV1 } from '@standard-schema/spec'
import { ContractError } from '../errors.js'
import { describeValue, isThenable } from '../internal/guards.js'
import { deepFreeze, type State } from './freeze.js'

type Result = StandardSchemaV1.Result<unknown>

/**
 * Runs a Standard Schema, which must answer at once.
 * @throws {TypeError} when it answers with a promise
 */
export function validate(schema: StandardSchemaV1, value: unknown): Result {
  const result = schema['~standard'].validate(value)
  if (isThenable(result)) {
    throw new TypeError(
      `The ${schema['~standard'].vendor} schema answers with a promise. State and inputs take schemas that answer at once; check asynchronously in an action.`,
    )
  }
  return result as Result
}

/** @throws {TypeError} for what is no Standard Schema */
export function demandSchema(subject: string, value: unknown): void {
  const kind = typeof value
  if ((kind === 'object' || kind === 'function') && value !== null && '~standard' in (value as object)) return
  throw new TypeError(
    `${subject} takes a Standard Schema, not ${describeValue(value)}. type<T>() makes one that checks nothing.`,
  )
}

/** The first segment of an issue's path. */
function keyOf(issue: StandardSchemaV1.Issue): PropertyKey | undefined {
  const head = issue.path?.[0]
  return typeof head === 'object' ? head.key : head
}

/** An issue as a person reads it: `answers.gpt4: Expected string`. */
export function tell(issue: StandardSchemaV1.Issue): string {
  const path = (issue.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)).join('.')
  return path === '' ? issue.message : `${path}: ${issue.message}`
}

/**
 * Checks keys that were just written against the schema of the whole state.
 *
 * A state may hold some keys not yet, so only issues of the written keys count; issues of the whole object count once
 * every other key fits. Where the schema accepts the whole state, the written keys take its output (coerced, trimmed).
 * @throws {ContractError} with every issue of the written keys
 */
export function applySchema(
  schema: StandardSchemaV1,
  subject: string,
  state: State,
  written: readonly string[],
): State {
  const result = validate(schema, state)
  if (result.issues === undefined) return takeOutput(subject, state, result.value, written)
  const own = result.issues.filter((issue) => {
    const key = keyOf(issue)
    return key !== undefined && written.includes(String(key))
  })
  const whole = result.issues.every((issue) => keyOf(issue) === undefined)
  const counted = own.length > 0 ? own : whole ? result.issues : []
  if (counted.length > 0) throw new ContractError(subject, { kind: 'schema', issues: counted.map(tell) })
  return state
}

function takeOutput(subject: string, state: State, output: unknown, written: readonly string[]): State {
  if (typeof output !== 'object' || output === null) return state
  let changed: Record<string, unknown> | undefined
  for (const key of written) {
    const value: unknown = Reflect.get(output, key)
    if (value === state[key] || (typeof value === 'object' && sameData(value, state[key]))) continue
    deepFreeze(value, subject, key)
    changed ??= { ...state }
    changed[key] = value
  }
  return changed === undefined ? state : Object.freeze(changed)
}

/** Schemas copy what they check; a copy that says the same is not a change. */
function sameData(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
