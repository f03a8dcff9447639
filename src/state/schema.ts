import type { StandardSchemaV1 } from '@standard-schema/spec'
import { ContractError } from '../errors.js'
import { describeValue, isPlainObject, isThenable } from '../internal/guards.js'
import { quote, suggest } from '../internal/nearest.js'
import { equal } from './equal.js'
import { deepFreeze, freezeAll, isMutable, type State } from './freeze.js'
import { checkNames } from './keys.js'

type Result = StandardSchemaV1.Result<unknown>

/** The schema of a state: one per key, or one for the whole object. */
export interface StateSchema {
  readonly keys: Readonly<Record<string, StandardSchemaV1>> | undefined
  readonly whole: StandardSchemaV1 | undefined
  /** Keys whose schema supplies a value for `undefined`. */
  readonly filled: readonly string[]
  /** Keys whose schema has rejected its own output: a text that becomes a number. */
  readonly oneWay: Set<string>
}

/** Settings shared by all states of one kit. */
export interface StateRules {
  readonly schema: StateSchema | undefined
  readonly defaults: State | undefined
  /** Deep-freezes values that enter the state. */
  readonly freeze: boolean
}

/**
 * Runs a Standard Schema synchronously.
 * @param of subject of the schema, for the message
 * @throws {TypeError} when it returns a promise
 */
export function validate(schema: StandardSchemaV1, value: unknown, of = ''): Result {
  const result = schema['~standard'].validate(value)
  if (isThenable(result)) {
    throw new TypeError(
      `The ${schema['~standard'].vendor} schema${of} returned a promise. Schemas of state and inputs must be synchronous; check asynchronously in an action.`,
    )
  }
  const { issues } = result as Result
  return issues?.length === 0 ? { issues: NO_REASON } : (result as Result)
}

/** True for a Standard Schema, which may be a function. */
function isSchema(value: unknown): value is StandardSchemaV1 {
  const kind = typeof value
  return (kind === 'object' || kind === 'function') && value !== null && '~standard' in (value as object)
}

/** @throws {TypeError} for a value that is not a Standard Schema */
export function assertSchema(subject: string, value: unknown): asserts value is StandardSchemaV1 {
  if (isSchema(value)) return
  throw new TypeError(
    `${subject} takes a Standard Schema, not ${describeValue(value)}. type<T>() makes one without validation.`,
  )
}

/**
 * Compiles the schema given to `defineState`.
 * @throws {TypeError} for a value that is neither a Standard Schema nor a record of them, and for names that cannot be
 * state keys
 */
export function compileSchema(given: unknown): StateSchema | undefined {
  if (given === undefined) return undefined
  if (isSchema(given)) return { whole: given, keys: undefined, filled: [], oneWay: new Set() }
  if (!isPlainObject(given))
    throw new TypeError(
      `defineState takes a record of Standard Schemas, one per key, or one for the whole state, not ${describeValue(given)}.`,
    )
  checkNames('The state', Object.keys(given))
  const keys: Record<string, StandardSchemaV1> = Object.create(null) as Record<string, StandardSchemaV1>
  for (const [key, schema] of Object.entries(given)) {
    if (key.endsWith('?'))
      throw new TypeError(
        `The state key ${quote(key)} ends with "?", which is only valid in reads. Use ${quote(key.slice(0, -1))}, with a schema that accepts undefined.`,
      )
    assertSchema(`The state key ${quote(key)}`, schema)
    keys[key] = schema
  }
  const filled = Object.keys(keys).filter((key) => defaultOf(keys[key]) !== undefined)
  return { keys, whole: undefined, filled, oneWay: new Set() }
}

/** The value that a schema supplies for `undefined`. */
function defaultOf(schema: StandardSchemaV1 | undefined): unknown {
  const result = schema?.['~standard'].validate(undefined)
  return result === undefined || isThenable(result) || result.issues !== undefined ? undefined : result.value
}

/** Formats an issue: `answers.gpt4: Expected string`. */
export function formatIssue(issue: StandardSchemaV1.Issue): string {
  return tellBelow('', issue)
}

function tellBelow(key: string, { path = [], message }: StandardSchemaV1.Issue): string {
  const names = path.map((part) => String(typeof part === 'object' ? part.key : part))
  const at = (key === '' ? names : [key, ...names]).join('.')
  return at === '' ? message : `${at}: ${message}`
}

const NO_REASON: readonly StandardSchemaV1.Issue[] = [{ message: 'Rejected without a reason' }]

/** The result of validating some keys of a state. */
interface Validation {
  readonly issues: readonly string[]
  /** Output of the schema for these keys, where it differs from their values. */
  readonly made: Record<string, unknown> | undefined
}

function validateState(schema: StateSchema, state: State, keys: readonly string[]): Validation {
  return schema.keys === undefined
    ? validateWhole(schema.whole as StandardSchemaV1, state, keys)
    : validateKeys(schema.keys, state, keys)
}

/** Validates each key alone, so that the cost does not depend on the other keys. */
function validateKeys(schemas: NonNullable<StateSchema['keys']>, state: State, keys: readonly string[]): Validation {
  const issues: string[] = []
  let made: Record<string, unknown> | undefined
  for (const key of keys) {
    const schema = schemas[key]
    if (schema === undefined) continue
    const result = validate(schema, state[key], ` of ${quote(key)}`)
    if (result.issues !== undefined) for (const issue of result.issues) issues.push(tellBelow(key, issue))
    else if (!isSame(result.value, state[key])) {
      made ??= {}
      made[key] = result.value
    }
  }
  return { issues, made }
}

/**
 * Validates the whole state. Keys may be unset, so only issues of the keys in question count; issues without a path
 * count once all other keys fit. The output is used only when the schema accepts the whole state.
 */
function validateWhole(schema: StandardSchemaV1, state: State, keys: readonly string[]): Validation {
  const result = validate(schema, state)
  if (result.issues !== undefined) {
    const all = result.issues
    const own = all.filter((issue) => keys.includes(String(keyOf(issue) ?? '')))
    const counted = own.length > 0 ? own : all.every((issue) => keyOf(issue) === undefined) ? all : []
    return { issues: counted.map(formatIssue), made: undefined }
  }
  const output: unknown = result.value
  if (typeof output !== 'object' || output === null) return { issues: [], made: undefined }
  const changed = keys.map((key) => [key, Reflect.get(output, key) as unknown] as const)
  const other = changed.filter(([key, value]) => !isSame(value, state[key]))
  return { issues: [], made: other.length === 0 ? undefined : Object.fromEntries(other) }
}

/** The first segment of an issue's path. */
function keyOf(issue: StandardSchemaV1.Issue): PropertyKey | undefined {
  const head = issue.path?.[0]
  return typeof head === 'object' ? head.key : head
}

/** Schemas copy their input; an equal copy is no change. */
const isSame = (made: unknown, given: unknown): boolean =>
  Object.is(made, given) || (typeof made === 'object' && equal(made, given))

/** Formatted issues of some keys of a state. */
export function issuesOf({ schema }: StateRules, state: State, keys: readonly string[]): readonly string[] {
  return schema === undefined ? [] : validateState(schema, state, keys).issues
}

/**
 * Validates keys that were just set, and replaces their values by the schema's output: trimmed, coerced.
 * @throws {ContractError} with every issue of these keys
 */
export function applySchema(
  { schema, freeze }: StateRules,
  subject: string,
  state: State,
  keys: readonly string[],
): State {
  if (schema === undefined) return state
  const { issues, made } = validateState(schema, state, keys)
  if (issues.length > 0)
    throw new ContractError(subject, { kind: 'schema', issues }, `does not fit the schema: ${issues.join('; ')}.`)
  if (made === undefined) return state
  const next = Object.freeze({ ...state, ...(freeze ? freezeAll(made, subject) : made) })
  const fresh = Object.keys(made).filter((key) => !schema.oneWay.has(key))
  for (const key of fresh) if (validateState(schema, next, [key]).issues.length > 0) schema.oneWay.add(key)
  return next
}

/** Keys whose value differs from before, or may have been changed in place; only these need validation. */
export const changedKeys = (before: State, after: State, keys: readonly string[]): readonly string[] =>
  keys.filter((key) => {
    const value = after[key]
    const same = Object.hasOwn(before, key) && Object.is(before[key], value)
    return !same || (typeof value === 'object' && value !== null && isMutable(value))
  })

/** Fills unset keys with the values that their schemas supply. */
export function fillState({ schema, freeze }: StateRules, state: State): State {
  let filled: Record<string, unknown> | undefined
  for (const key of schema?.filled ?? []) {
    if (Object.hasOwn(state, key)) continue
    const value = defaultOf(schema?.keys?.[key])
    if (value === undefined) continue
    filled ??= {}
    filled[key] = freeze ? deepFreeze(value, 'The schema', key) : value
  }
  return filled === undefined ? state : Object.freeze({ ...filled, ...state })
}

/** Why a key is invalid: a state with a schema per key has only those keys. Undefined for a valid key. */
export function unknownKey({ schema }: StateRules, key: string): string | undefined {
  const known = schema?.keys
  return known === undefined || key in known ? undefined : `${key}: There is no such key`
}

/**
 * Rejects keys that a state with a schema per key does not have.
 * @throws {ContractError} naming the first, with near matches
 */
export function refuseUnknownKeys(rules: StateRules, subject: string, keys: readonly string[]): void {
  const known = rules.schema?.keys
  const unknown = keys.find((key) => unknownKey(rules, key) !== undefined)
  if (known === undefined || unknown === undefined) return
  const hint = suggest(unknown, Object.keys(known), 'keys')
  throw new ContractError(
    subject,
    { kind: 'unknown-key', key: unknown, hint },
    `holds the key "${unknown}", which the state does not have. ${hint}`,
  )
}

/** True when both states use the same schema for a key, so that a value valid in one is valid in the other. */
export function hasSameSchema(a: StateRules, b: StateRules, key: string): boolean {
  if (a.schema?.whole !== undefined) return a.schema.whole === b.schema?.whole
  const one = a.schema?.keys?.[key]
  return one !== undefined && one === b.schema?.keys?.[key]
}
